//! A small sort. The standard library's is faster and several KiB of machine code for each type;
//! the agent sorts little, and nowhere a span waits for it.

use std::cmp::Ordering;

/// Sorts in place, not keeping the order of equals (heapsort).
pub(crate) fn by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    for root in (0..items.len() / 2).rev() {
        sift_down(items, root, &compare);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sift_down(&mut items[..end], 0, &compare);
    }
}

fn sift_down<T>(heap: &mut [T], mut root: usize, compare: &impl Fn(&T, &T) -> Ordering) {
    loop {
        let mut child = 2 * root + 1;
        if child >= heap.len() {
            return;
        }
        if child + 1 < heap.len() && compare(&heap[child], &heap[child + 1]).is_lt() {
            child += 1;
        }
        if compare(&heap[root], &heap[child]).is_ge() {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts(mut items in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut expected = items.clone();
            expected.sort_unstable();
            super::by(&mut items, Ord::cmp);
            prop_assert_eq!(items, expected);
        }
    }
}
