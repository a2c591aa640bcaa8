#![no_std]
#![no_implicit_prelude]
//! Bodies of all sorts, without std or a prelude.

/// Empty.
pub fn empty() {}

/// Inner attributes.
pub fn inner() -> u8 {
    #![allow(unused_variables)]
    let x = 1;
    2
}

/// Items first.
pub fn items(x: &mut u8) -> &mut u8 {
    fn inner(x: &mut u8) -> &mut u8 { x }
    inner(x)
}

/// Where it was called.
#[track_caller]
pub fn caller() -> u32 {
    ::core::panic::Location::caller().line()
}

/// Not now.
pub const fn constant() -> u8 { 1 }

/// Generic.
pub fn generic<T: ::core::marker::Copy, const N: usize>(of: [T; N]) -> T where [T; N]: ::core::marker::Copy {
    of[0] // the first
}

/// Unsafe.
///
/// # Safety
/// None.
pub unsafe fn dangerous(of: *const u8) -> u8 {
    unsafe { *of }
}

/// For C.
pub extern "C" fn for_c(of: u8) -> u8 { of }

mod nested {
    pub(crate) struct Deep;
    impl Deep {
        #[allow(dead_code)]
        pub(crate) fn method(&self) -> ::core::option::Option<&Self> { ::core::option::Option::Some(self) }
    }
    impl ::core::ops::Drop for Deep {
        fn drop(&mut self) { let _ = 1; }
    }
}
/// Uses it.
pub fn last() { let _ = nested::Deep; } // no newline at the end