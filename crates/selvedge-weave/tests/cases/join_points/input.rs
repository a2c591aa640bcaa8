//! Join points of all sorts.

macro_rules! items {
    ($($item:item)*) => { $($item)* };
}

/// Protocol.
pub mod proto {
    /// A server.
    pub struct Server {
        /// The last.
        pub last: Option<u8>,
    }

    impl Default for Server {
        fn default() -> Self { Self { last: None } }
    }

    impl Server {
        /// A new one.
        #[must_use]
        pub fn new() -> Self {
            Server { last: None }
        }

        fn step(&self, by: u8) -> u8 {
            let Server { last, .. } = self;
            let _ = last;
            by
        }

        /// Polls.
        pub fn poll(&mut self, by: u8) -> u8 {
            let seen = vec![1, 2].into_iter().rev().count();
            #[allow(clippy::map_identity)]
            let total = self.step(by); /* after this */
            if total > 9 { let _ = seen; } else { return 0; }
            for item in [1_u8, 2] {
                let _ = item;
            }
            apply(|a, b| a + b, total.min(by.max(1)))
        }

        /// Closes.
        pub fn close(self) { drop(self); }
    }

    /// Another.
    #[derive(Debug)]
    pub struct Other;

    impl Other {
        /// Closes.
        pub fn close(self) {}
    }

    fn apply(with: impl Fn(u8, u8) -> u8, value: u8) -> u8 { with(value, value) }
}

items! {
    /// Made inside of a macro.
    pub fn made() {}
}
