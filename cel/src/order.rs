//! Sorting, once: every kind of element that the standard library sorts is six kilobytes of module.

use std::cmp::Ordering;

/// The places of some elements in their order; equal ones keep theirs. A merge sort from below.
pub(crate) fn order(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    let mut merged = Vec::with_capacity(count);
    let mut width = 1_usize;
    while width < count {
        merged.clear();
        for pair in places.chunks(width.saturating_mul(2)) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([first, left_rest @ ..], [second, right_rest @ ..]) = (left, right) {
                if compare(*second, *first).is_lt() {
                    merged.push(*second);
                    right = right_rest;
                } else {
                    merged.push(*first);
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut places, &mut merged);
        width = width.saturating_mul(2);
    }
    places
}

/// Elements, sorted.
pub(crate) fn sorted<T>(elements: Vec<T>, mut compare: impl FnMut(&T, &T) -> Ordering) -> Vec<T> {
    let places = order(elements.len(), &mut |a, b| match (elements.get(a), elements.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut slots: Vec<Option<T>> = elements.into_iter().map(Some).collect();
    places.into_iter().filter_map(|place| slots.get_mut(place)?.take()).collect()
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn sorts_and_keeps_the_order_of_equals() {
        for count in [0, 1, 2, 3, 7, 8, 9, 100, 1000] {
            let mut state = 7_u32;
            let elements: Vec<(u32, u32)> = (0..count)
                .map(|place| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 28, place)
                })
                .collect();
            let mut expected = elements.clone();
            expected.sort_by_key(|(key, _)| *key);
            assert_eq!(sorted(elements, |(a, _), (b, _)| a.cmp(b)), expected);
        }
    }
}
