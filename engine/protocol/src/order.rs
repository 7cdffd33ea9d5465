//! Stable sorts outside of hot code, with one compiled sort for all types: the standard library's is compiled again for every type and
//! closure, several kilobytes each.

use std::cmp::Ordering;

/// [`slice::sort_by`].
pub fn sort_by<T>(list: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut order = sorted(list.len(), &mut |one, other| compare(&list[one], &list[other]));
    // Follows each cycle of the permutation.
    for start in 0..list.len() {
        let mut at = start;
        while order[at] != start {
            let from = std::mem::replace(&mut order[at], at);
            list.swap(at, from);
            at = from;
        }
        order[at] = at;
    }
}

/// [`slice::sort_by_key`].
pub fn sort_by_key<T, K: Ord>(list: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(list, |one, other| key(one).cmp(&key(other)));
}

/// [`slice::sort`].
pub fn sort<T: Ord>(list: &mut [T]) {
    sort_by(list, T::cmp);
}

/// The list without duplicates, sorted.
pub fn distinct<T: Ord>(list: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = list.into_iter().collect();
    sort(&mut list);
    list.dedup();
    list
}

/// The places of the sorted list's entries in the unsorted one.
fn sorted(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|one, other| compare(*one, *other));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn it_is_the_standard_librarys() {
        for count in [0, 1, 2, 3, 10, 100, 1000] {
            let mut ours: Vec<(u64, u64)> =
                (0..count).map(|at| (random::nth(7, count, at) % 20, at)).collect();
            let mut theirs = ours.clone();
            sort_by_key(&mut ours, |(key, _)| std::cmp::Reverse(*key));
            theirs.sort_by_key(|(key, _)| std::cmp::Reverse(*key));
            assert_eq!(ours, theirs);
            sort(&mut ours);
            theirs.sort();
            assert_eq!(ours, theirs);
        }
    }
}
