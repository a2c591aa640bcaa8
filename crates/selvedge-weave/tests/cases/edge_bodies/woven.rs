#![no_std]
#![no_implicit_prelude]
//! Bodies of all sorts, without std or a prelude.

/// Empty.
pub fn empty() { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "empty", "case::empty"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); __sv_span.scope::<()>(|| {});  ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); }

/// Inner attributes.
pub fn inner() -> u8 {
    #![allow(unused_variables)] let __sv_span = ::selvedge_hooks::rule_span!(Internal, "inner", "case::inner"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret = __sv_span.scope(|| -> u8 {
    let x = 1;
    2
}); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }

/// Items first.
pub fn items(x: &mut u8) -> &mut u8 { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "items", "case::items"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret = __sv_span.scope(|| -> &mut u8 { ::selvedge_hooks::rule_own!(x); {
    fn inner(x: &mut u8) -> &mut u8 { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "inner", "case::items::inner"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret = __sv_span.scope(|| -> &mut u8 { ::selvedge_hooks::rule_own!(x); x }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }
    inner(x)
} }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }

/// Where it was called.
#[track_caller]
pub fn caller() -> u32 { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "caller", "case::caller"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret: u32 = { let __sv_current = ::selvedge_hooks::rule::attach(__sv_span.context());
    ::core::panic::Location::caller().line()
}; let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }

/// Not now.
pub const fn constant() -> u8 { 1 }

/// Generic.
pub fn generic<T: ::core::marker::Copy, const N: usize>(of: [T; N]) -> T where [T; N]: ::core::marker::Copy { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "generic", "case::generic"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret = __sv_span.scope(|| -> T { ::selvedge_hooks::rule_own!(of);
    of[0] // the first
}); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }

/// Unsafe.
///
/// # Safety
/// None.
pub unsafe fn dangerous(of: *const u8) -> u8 { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "dangerous", "case::dangerous"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret = __sv_span.scope(|| -> u8 {
    unsafe { *of }
}); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }

/// For C.
pub extern "C" fn for_c(of: u8) -> u8 { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "for_c", "case::for_c"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret = __sv_span.scope(|| -> u8 { of }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }

mod nested {
    pub(crate) struct Deep;
    impl Deep {
        #[allow(dead_code)]
        pub(crate) fn method(&self) -> ::core::option::Option<&Self> { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Deep::method", "case::nested::Deep::method"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); let __sv_ret = __sv_span.scope(|| -> ::core::option::Option<&Self> { ::core::option::Option::Some(self) }); let __sv_out = &__sv_ret; ::selvedge_hooks::rule_observe!(__sv_span, __sv_out); ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); __sv_ret }
    }
    impl ::core::ops::Drop for Deep {
        fn drop(&mut self) { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "Deep::drop", "case::nested::Deep::drop"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); __sv_span.scope::<()>(|| { ::selvedge_hooks::rule_own!(self); let _ = 1; });  ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); }
    }
}
/// Uses it.
pub fn last() { let __sv_span = ::selvedge_hooks::rule_span!(Internal, "last", "case::last"); ::selvedge_hooks::rule_record!(__sv_span, "one" => 1); let __sv_held_0 = ::selvedge_hooks::rule_hold!(2); __sv_span.scope::<()>(|| { let _ = nested::Deep; });  ::selvedge_hooks::rule_measure!(Counter, "calls_total", 1_u64, "two" => __sv_held_0); } // no newline at the end