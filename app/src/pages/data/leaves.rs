//! A long document split into leaves, one of which is drawn at a time, so that a frame's cost does not grow with the document.
//! Splits and search hits are computed once.

use crate::pages::prelude::*;

/// Maximum bytes of a leaf.
pub const LEAF: usize = 16_000;

#[derive(Debug, Default)]
pub struct Leaves {
    /// Their document's number, length, and search text.
    of: Option<(u64, usize, String)>,
    /// Byte range of each leaf, contiguous.
    pub leaves: Vec<Range<usize>>,
    /// Byte range of each search hit, in order.
    pub places: Vec<Range<usize>>,
    /// Index of the shown leaf.
    pub open: usize,
}

impl Leaves {
    /// Splits a document if it or the search changed.
    pub fn take(&mut self, number: u64, text: &str, search: &str) {
        let of = (number, text.len(), search.to_owned());
        if self.of.as_ref() != Some(&of) {
            let open =
                if self.of.as_ref().is_some_and(|(before, ..)| *before == number) { self.open } else { 0 };
            *self = Self { leaves: leaves(text), places: places(text, search), open, of: Some(of) };
        }
        self.open = self.open.min(self.leaves.len().saturating_sub(1));
    }

    /// Shows the leaf where a search hit begins.
    pub fn open_place(&mut self, place: usize) {
        if let Some(place) = self.places.get(place)
            && let Some(leaf) = self.leaves.iter().position(|leaf| leaf.contains(&place.start))
        {
            self.open = leaf;
        }
    }

    /// Byte range of the shown leaf, index of its first search hit, and its hits relative to the leaf.
    pub fn read(&self) -> (Range<usize>, usize, Vec<Range<usize>>) {
        let leaf = self.leaves.get(self.open).cloned().unwrap_or_default();
        let first = self.places.partition_point(|place| place.start < leaf.start);
        let here = self.places.iter().skip(first).take_while(|place| place.start < leaf.end);
        let here = here.map(|place| place.start - leaf.start..place.end.min(leaf.end) - leaf.start).collect();
        (leaf, first, here)
    }
}

/// Buttons to the neighbouring parts of a document that has several.
pub fn parts_ui(ui: &mut Ui, open: &mut usize, count: usize) {
    if count < 2 {
        return;
    }
    ui.horizontal(|ui| {
        let (at, names) = (*open, ["Earlier part of the document", "Later part of the document"]);
        *open = turn_ui(ui, at, count, names).unwrap_or(at);
        caption(ui, format!("part {} of {count}", at + 1));
    });
}

/// Splits a text after the last line break that fits, else after the last space, else between characters.
pub fn leaves(text: &str) -> Vec<Range<usize>> {
    let mut leaves = Vec::new();
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        let fits = rest.floor_char_boundary(LEAF);
        let whole = rest.get(..fits).unwrap_or_default();
        let cut = whole.rfind('\n').or_else(|| whole.rfind(' ')).filter(|_| fits < rest.len());
        let end = cut.map_or(fits, |at| at + 1);
        leaves.push(from..from + end);
        from += end;
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_hold_the_whole_text_and_places_know_theirs() {
        for text in
            ["ä".repeat(LEAF), "one owl and another\n".repeat(3000), "word ".repeat(9000), String::new()]
        {
            let mut leaves = Leaves::default();
            leaves.take(1, &text, "owl");
            let joined: String = leaves.leaves.iter().map(|leaf| &text[leaf.clone()]).collect();
            assert_eq!(joined, text);
            assert!(leaves.leaves.iter().all(|leaf| leaf.len() <= LEAF));
            for place in 0..leaves.places.len() {
                leaves.open_place(place);
                let (leaf, first, here) = leaves.read();
                let inside = here.get(place - first).unwrap().clone();
                assert_eq!(&text[leaf][inside], "owl");
            }
        }
    }

    #[test]
    fn another_search_keeps_the_leaf_and_another_document_begins_anew() {
        let text = "one owl and another\n".repeat(3000);
        let mut leaves = Leaves::default();
        leaves.take(1, &text, "");
        leaves.open = 2;
        leaves.take(1, &text, "owl");
        assert_eq!(leaves.open, 2);
        leaves.take(2, &text, "owl");
        assert_eq!(leaves.open, 0);
    }
}
