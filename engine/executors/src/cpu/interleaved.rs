//! Quantised matrices in the layout that the decoder multiplies: the words of [`GROUP`] rows take turns, so that a register holds
//! the same word of several rows. A last group of fewer rows is laid out alike.
//!
//! Groups of rows in the blocks of a GGUF file are regrouped first ([`gguf::regroup`]), if their rows are of one type of blocks. Others
//! remain as they are.

use glasshouse_compiler::blocks::gguf::{self, GgmlType};

/// Rows in a group: the number of words in the widest register. WebAssembly, which cannot prefetch, waits less for memory with more rows.
pub const GROUP: usize = if cfg!(target_arch = "wasm32") { 32 } else { 16 };

/// Marks the first word, a row's type, of an interleaved group in the blocks of a GGUF file.
const INTERLEAVED: u32 = 1 << 31;

/// Interleaves rows of `length` words each.
pub fn interleave(words: &mut [u32], length: usize) {
    let mut rows = Vec::with_capacity(GROUP * length);
    for group in words.chunks_mut(GROUP * length) {
        rows.clear();
        rows.extend_from_slice(group);
        let count = group.len() / length;
        for (at, words) in group.chunks_exact_mut(count).enumerate() {
            words.iter_mut().zip(rows[at..].iter().step_by(length)).for_each(|(word, own)| *word = *own);
        }
    }
}

/// Interleaves rows of `columns` weights in the blocks of a GGUF file, each of `length` words.
pub fn interleave_blocks(words: &mut [u32], length: usize, columns: usize) {
    for group in words.chunks_mut(GROUP * length) {
        let types = || group.iter().step_by(length);
        let first = gguf::row(group, columns).map(|(ty, _)| ty).filter(|ty| ty.block() > 1);
        let Some(ty) = first.filter(|ty| types().all(|number| *number == ty.number())) else { continue };
        for row in group.chunks_exact_mut(length) {
            let blocks = gguf::row(row, columns).map(|(_, blocks)| blocks.to_vec()).unwrap_or_default();
            gguf::regroup(ty, &blocks, &mut row[1..]);
        }
        interleave(group, length);
        group[0] |= INTERLEAVED;
    }
}

/// The type of a group in the blocks of a GGUF file, if it is interleaved; a word of each row comes before the blocks.
pub fn type_of_blocks(group: &[u32]) -> Option<GgmlType> {
    let number = group.first().filter(|number| **number & INTERLEAVED != 0)?;
    GgmlType::from_number(number & !INTERLEAVED)
}

pub fn group_of(words: &[u32], length: usize, number: usize) -> &[u32] {
    let start = number / GROUP * GROUP * length;
    &words[start..words.len().min(start + GROUP * length)]
}

pub fn row(words: &[u32], length: usize, number: usize) -> Vec<u32> {
    let group = group_of(words, length, number);
    group[number % GROUP..].iter().step_by(group.len() / length).copied().collect()
}

/// A last group, with rows of zeros to fill it.
pub fn filled(group: &[u32], length: usize) -> Vec<u32> {
    let mut words = vec![0; GROUP * length];
    let count = group.len() / length;
    for (words, own) in words.chunks_exact_mut(GROUP).zip(group.chunks_exact(count)) {
        words[..count].copy_from_slice(own);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_again() {
        for count in [1, 15, 16, 17, 40] {
            let rows: Vec<u32> = (0..count * 5).collect();
            let mut words = rows.clone();
            interleave(&mut words, 5);
            for (number, own) in rows.chunks(5).enumerate() {
                assert_eq!(row(&words, 5, number), own, "{number} of {count}");
            }
            let last = words.chunks(5 * GROUP).next_back().unwrap();
            let whole = filled(last, 5);
            for number in 0..last.len() / 5 {
                assert_eq!(row(&whole, 5, number), row(last, 5, number), "{number} of {count}");
            }
        }
    }
}
