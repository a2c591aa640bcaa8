#!/usr/bin/env run
//! A program with Windows line ends.

fn main() {
    println!("{}", 1); // one
}
