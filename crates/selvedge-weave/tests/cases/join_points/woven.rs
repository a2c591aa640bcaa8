//! Join points of all sorts.

macro_rules! items {
    ($($item:item)*) => { $($item)* };
}

/// Protocol.
pub mod proto {
    /// A server.
    pub struct Server { __sv_context: ::selvedge_hooks::Context, 
        /// The last.
        pub last:  crate::__selvedge_case::Same< Option<u8> > ,
    }

    impl Default for Server {
        fn default() -> Self { Self { __sv_context: ::selvedge_hooks::Context::none(),  last: None } }
    }

    impl Server {
        /// A new one.
        #[must_use]
        pub fn new() -> Self {
            Server { __sv_context: ::selvedge_hooks::Context::none(),  last: None }
        }

        fn step(&self, by: u8) -> u8 {
            let Server { last, .. } = self;
            let _ = last;
            by
        }

        /// Polls.
        pub fn poll(&mut self, by: u8) -> u8 {
            let seen =  crate::__selvedge_case::pass( vec![1, 2].into_iter().rev() ) .count();
             let __sv_seen = by; #[allow(clippy::map_identity)]
            let total =  crate::__selvedge_case::pass( self.step(by) ) ; crate::__selvedge_case::see(__sv_seen);  /* after this */
            if total > 9 { let _ = seen; } else { return 0; } crate::__selvedge_case::see(total); 
            for item in [1_u8, 2] { crate::__selvedge_case::see(item); 
                let _ = item;
             crate::__selvedge_case::see(0); }
            apply(|a, b| a + b,  crate::__selvedge_case::pass(  crate::__selvedge_case::pass( total.min(by.max(1)) )  ) )
        }

        /// Closes.
        pub fn close(self) { crate::__selvedge_case::see(1);  drop(self);  crate::__selvedge_case::see(2); }
    }

    /// Another.
    #[derive(Debug)]
    pub struct Other;

    impl Other {
        /// Closes.
        pub fn close(self) { crate::__selvedge_case::see(1);  crate::__selvedge_case::see(2); }
    }

    fn apply(with: impl Fn(u8, u8) -> u8, value: u8) -> u8 { with(value, value) }
 #[allow(dead_code)] fn woven() {} }

items! {
    /// Made inside of a macro.
    pub fn made() { crate::__selvedge_case::see(1); }
}

/// Woven.
pub fn woven() {}

#[doc(hidden)] #[allow(warnings)] mod __selvedge_case {
//! Glue.
pub type Same<T> = T;

pub(crate) fn pass<T>(value: T) -> T {
    value
}

pub(crate) fn see(_: u8) {} // the end

}
