#!/usr/bin/env run
//! A program with Windows line ends.

fn main() { let _ = ::selvedge_hooks::active(); 
    println!("{}", 1); // one
}
