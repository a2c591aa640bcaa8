//! Threads that are started in a span.

use std::thread;

fn main() {
    order();
}

fn order() {
    let amount = 12;
    let closure = thread::spawn(move || pay(amount));
    let function = std::thread::spawn(one);
    println!(
        "{}",
        closure.join().expect("it does not panic") + function.join().expect("nor this")
    );
}

fn one() -> u32 {
    pay(1)
}

fn pay(amount: u32) -> u32 {
    amount
}
