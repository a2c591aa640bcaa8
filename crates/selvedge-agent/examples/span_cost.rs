//! What spans cost the thread that records them. Run with `--release`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use selvedge_agent::Baked;
use selvedge_hooks::{Attribute, Convention, Kind, Parent, Site, Span, Start};

static BAKED: Baked = Baked {
    service_name: "span_cost",
    service_version: "",
    sampling: &[],
    resource: &[],
    panic_aborts: false,
    manifest: "",
};
static SERVER: Site = Site::new("cost", "GET", Kind::Server, Convention::Http);
static WORK: Site = Site::new("cost", "work", Kind::Internal, Convention::None);

/// Spans between two pauses for the drain thread, fewer than a ring holds.
const BATCH: u32 = 1000;
const BATCHES: u32 = 500;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "counts allocations of the measured thread")]
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

fn main() {
    let running = selvedge_agent::start_with(
        &BAKED,
        &|_| None,
        Box::new(|event| {
            black_box(&event);
        }),
    );
    let root = Span::start(&SERVER).enter();
    measure(&running, "sampled, 3 attributes", || {
        let span = Span::start_with(&WORK, &[Attribute::label("method", "GET")]);
        span.record(&[Attribute::new("rows", 7), Attribute::new("user", "alice")]);
    });
    measure(&running, "sampled, 3 attributes at the start", || {
        let attributes = [
            Attribute::label("method", "GET"),
            Attribute::new("rows", 7),
            Attribute::new("user", "alice"),
        ];
        drop(Span::start_with(&WORK, &attributes));
    });
    drop(root);
    let get = |name: &str, pass: &mut dyn FnMut(&str)| {
        if name == "traceparent" {
            pass("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        }
    };
    let _unsampled = Span::build(
        &SERVER,
        &Start {
            parent: Parent::Remote(&get),
            ..Start::default()
        },
    )
    .enter();
    measure(&running, "unsampled, 2 labels", || {
        let labels = [
            Attribute::label("method", "GET"),
            Attribute::label("status", 200),
        ];
        drop(Span::start_with(&WORK, &labels));
    });
    measure(&running, "unsampled, no labels", || {
        drop(Span::start(&WORK));
    });
}

fn measure(running: &selvedge_agent::Running, name: &str, call: impl Fn()) {
    let mut best = f64::MAX;
    let mut allocations = 0;
    for batch in 0..BATCHES {
        running.flush();
        let before = ALLOCATIONS.with(Cell::get);
        let start = Instant::now();
        for _ in 0..BATCH {
            call();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(BATCH));
        if batch > 0 {
            allocations += ALLOCATIONS.with(Cell::get) - before;
        }
    }
    println!("{name}: {best:.1} ns, {allocations} allocations");
}
