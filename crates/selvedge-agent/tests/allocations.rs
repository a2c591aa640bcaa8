//! What the unsampled path allocates: nothing.
#![expect(unsafe_code, reason = "counts allocations of the measured thread")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use selvedge_agent::Baked;
use selvedge_hooks::{Attribute, Convention, Kind, Parent, Site, Span, Start};

static BAKED: Baked = Baked {
    service_name: "allocations",
    service_version: "",
    sampling: &[],
    resource: &[],
    panic_aborts: false,
    manifest: "",
};
static SERVER: Site = Site::new("hyper", "GET", Kind::Server, Convention::Http);

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(start, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of a request with these headers, once the pools are warm.
fn allocations(headers: &[(&str, &str)]) -> u64 {
    let get = |name: &str, pass: &mut dyn FnMut(&str)| {
        for (_, value) in headers.iter().filter(|(key, _)| *key == name) {
            pass(value);
        }
    };
    let request = || {
        let span = Span::build(
            &SERVER,
            &Start {
                parent: Parent::Remote(&get),
                attributes: &[Attribute::label("http.request.method", "GET")],
                ..Start::default()
            },
        );
        span.record(&[Attribute::label("http.route", "/users/{id}")]);
        span.scope(|| drop(Span::start(&SERVER)));
    };
    for _ in 0..100 {
        request();
    }
    let before = ALLOCATIONS.with(Cell::get);
    request();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn only_what_travels_on_is_allocated() {
    let _running = selvedge_agent::start_with(&BAKED, &|_| None, Box::new(|_| ()));
    let unsampled = (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    );
    let sampled = (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    assert_eq!(allocations(&[unsampled]), 0);
    assert_eq!(allocations(&[sampled]), 0);
    assert_eq!(allocations(&[]), 0);
    // The list and what shares it.
    assert_eq!(allocations(&[unsampled, ("tracestate", "a=1,b=2")]), 2);
    assert_eq!(allocations(&[unsampled, ("baggage", "user=alice")]), 2);
}
