//! One layout for parameters, gradients and moments: four arenas with the same entry offsets.
//!
//! Decayed entries come first, so that the optimizer is one pass over each part and the gradient norm one reduction. Frozen
//! entries come last and have neither gradient nor moments. Entries are aligned to 512 bytes, so that they and their copies in
//! the 16-bit arena, which has the same layout, both satisfy WebGPU's binding alignment of 256 bytes.
//!
//! An arena is one buffer or, if the device's buffers are too small, several pieces, cut between parameters where possible.
//! Offsets count through all pieces. Frozen matrices stored in fewer bits ([`crate::blocks`]) come after all others, in buffers of
//! their own; a state on the host has them as words, or as 32-bit floats like the rest.

use super::lower::{RowRange, Target};
use crate::graph::{Element, Graph, Parameter, ParameterId};
use crate::muon::Matrix;
use crate::step::ArenaState;
use crate::{Error, Result, blocks};
use glasshouse_protocol::order;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Alignment of entries, in floats.
pub const ALIGNMENT: usize = 128;

/// Number of entries moved between yields: a few milliseconds in a browser.
const MOVED: usize = 1 << 20;

/// Offset of each parameter, in floats from the arena's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaLayout {
    /// Offset of each parameter by [`ParameterId`].
    pub offsets: Vec<usize>,
    /// Number of entries of each parameter by [`ParameterId`], without padding.
    pub counts: Vec<usize>,
    /// End of the trained and decayed part.
    pub decayed_end: usize,
    /// End of the trained part: length of the gradient and moment arenas.
    pub trained_end: usize,
    /// End of the part stored in 32-bit floats; the rest is frozen and stored in fewer bits.
    pub floats_end: usize,
    /// Length of the parameter arena. Padding between entries is zero.
    pub length: usize,
    /// Buffers of the parameter arena, in order. The other arenas are cut at the same offsets.
    pub pieces: Vec<Range<usize>>,
    /// Matrices stored in fewer bits, in order.
    pub stored: Vec<Stored>,
    /// Buffers of these, as ranges of words.
    pub stored_pieces: Vec<Range<usize>>,
    /// Trained weight matrices of blocks, in order.
    pub hidden: Vec<Matrix>,
    /// Maximum bytes of one buffer.
    most: u64,
}

/// A matrix stored in fewer bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub parameter: ParameterId,
    pub element: Element,
    /// Weights in a row.
    pub columns: usize,
    /// Range of its 32-bit words, which counts through all pieces.
    pub words: Range<usize>,
}

/// Weights as a layout stores them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredWeights {
    /// Up to [`ArenaLayout::floats_end`].
    pub floats: Vec<f32>,
    /// Words of the matrices stored in fewer bits.
    pub words: Vec<u32>,
    /// Those in the blocks of a GGUF file.
    pub blocks: Vec<Stored>,
}

impl StoredWeights {
    /// The rows of a matrix in the blocks of a GGUF file.
    pub fn rows_of_blocks(&self, parameter: ParameterId) -> Option<impl Iterator<Item = &[u32]>> {
        let own = self.blocks.iter().find(|own| own.parameter == parameter)?;
        Some(self.words.get(own.words.clone())?.chunks_exact(blocks::row_words(own.element, own.columns)))
    }

    /// The weights of a model with these parameters as floats in a layout. Awaits `yield_now` after each matrix.
    pub async fn to_floats(
        &self,
        parameters: &[Parameter],
        layout: &ArenaLayout,
        yield_now: &impl AsyncFn(),
    ) -> Vec<f32> {
        let mut stored = parameters.to_vec();
        for own in &self.blocks {
            let parameter = &mut stored[own.parameter.index()];
            (parameter.ty.element, parameter.trainable) = (own.element, false);
        }
        let from = ArenaLayout::from_parameters(&stored);
        let mut floats = vec![0.0; layout.length];
        for (from, to) in from.moves(layout).filter(|(own, _)| own.end <= from.floats_end) {
            floats[to].copy_from_slice(&self.floats[from]);
            yield_now().await;
        }
        for own in &from.stored {
            let words = &self.words[own.words.clone()];
            blocks::unpack(own.element, own.columns, words, &mut floats[layout.range(own.parameter)]);
            yield_now().await;
        }
        floats
    }
}

impl ArenaLayout {
    pub fn new(graph: &Graph) -> Self {
        Self::from_parameters(&graph.parameters)
    }

    pub fn from_parameters(parameters: &[Parameter]) -> Self {
        let mut offsets = vec![0; parameters.len()];
        let counts: Vec<usize> = parameters.iter().map(|parameter| parameter.ty.count()).collect();
        let mut length = 0;
        let mut place = |wanted: &dyn Fn(&Parameter) -> bool| {
            for (at, _) in parameters.iter().enumerate().filter(|(_, parameter)| wanted(parameter)) {
                offsets[at] = length;
                length += counts[at].next_multiple_of(ALIGNMENT);
            }
            length
        };
        let decayed_end = place(&|parameter| parameter.trainable && parameter.decayed);
        let trained_end = place(&|parameter| parameter.trainable && !parameter.decayed);
        let floats_end = place(&|parameter| !parameter.trainable && !is_stored(parameter));
        let length = place(&is_stored);
        let (mut stored, mut words) = (Vec::new(), 0);
        for (at, own) in parameters.iter().enumerate().filter(|(_, own)| is_stored(own)) {
            let (parameter, element, columns) = (ParameterId(at as u32), own.ty.element, own.ty.columns());
            let end = words + own.ty.rows() * blocks::row_words(element, columns);
            stored.push(Stored { parameter, element, columns, words: words..end });
            words = end.next_multiple_of(ALIGNMENT);
        }
        let hidden =
            parameters.iter().zip(&offsets).filter_map(|(own, start)| Matrix::of(own, *start)).collect();
        Self {
            hidden,
            offsets,
            counts,
            decayed_end,
            trained_end,
            floats_end,
            length,
            pieces: std::iter::once(0..floats_end).collect(),
            stored,
            stored_pieces: Some(0..words).filter(|words| !words.is_empty()).into_iter().collect(),
            most: u64::MAX,
        }
    }

    /// Lays out a graph's parameters in the buffers of a device. Fails with [`Error::TooLarge`] for a parameter that cannot be cut into
    /// parts of a buffer's size.
    pub fn on(graph: &Graph, target: &Target) -> Result<Self> {
        let mut layout = Self { most: target.buffer, ..Self::new(graph) };
        let most = usize::try_from(target.buffer / 4).unwrap_or(usize::MAX);
        let mut in_order: Vec<usize> = (0..graph.parameters.len()).collect();
        order::sort_by_key(&mut in_order, |at| layout.offsets[*at]);
        let in_order = || in_order.iter().map(|at| &graph.parameters[*at]);
        if layout.floats_end > most {
            layout.pieces = layout.cut(in_order().filter(|own| !is_stored(own)), target, most)?;
        }
        if layout.stored_words() > most {
            layout.stored_pieces = layout.cut(in_order().filter(|own| is_stored(own)), target, most)?;
        }
        Ok(layout)
    }

    /// Cuts parameters into pieces of at most `most` entries, between parts that the device binds.
    fn cut<'graph>(
        &self,
        parameters: impl Iterator<Item = &'graph Parameter>,
        target: &Target,
        most: usize,
    ) -> Result<Vec<Range<usize>>> {
        let (mut pieces, mut start, mut end) = (Vec::new(), 0, 0);
        for parameter in parameters {
            for part in RowRange::of_weight(target, &parameter.ty) {
                let words = blocks::row_words(parameter.ty.element, parameter.ty.columns());
                let room = (part.count * words).next_multiple_of(ALIGNMENT);
                if room > most {
                    return Err(self.too_large(parameter));
                }
                if end + room - start > most {
                    pieces.push(start..end);
                    start = end;
                }
                end += room;
            }
        }
        pieces.push(start..end);
        Ok(pieces)
    }

    /// The error for a parameter that must lie in one buffer and does not fit.
    pub(super) fn too_large(&self, parameter: &Parameter) -> Error {
        Error::TooLarge {
            what: format!("one buffer for {}", parameter.name),
            needed: parameter.ty.bytes(),
            available: self.most,
            advice: "lower model.width, model.context_length or model.vocabulary".to_owned(),
        }
    }

    /// The piece with a whole matrix, and the matrix's range in it. Fails with [`Error::TooLarge`] for a matrix in several pieces.
    pub(super) fn whole(&self, matrix: &Matrix) -> Result<(usize, Range<usize>)> {
        let mut spans = self.spans(matrix.range());
        match (spans.next(), spans.next()) {
            (Some(span), None) => Ok(span),
            _ => Err(Error::TooLarge {
                what: format!(
                    "one buffer for a matrix of {} × {} (optimizer muon)",
                    matrix.rows, matrix.columns
                ),
                needed: matrix.range().len() as u64 * 4,
                available: self.most,
                advice: "set train.optimizer = \"adamw\", or lower model.width".to_owned(),
            }),
        }
    }

    /// The layout of the same parameters with none frozen: a model's layout, independent of what a run trains.
    pub fn unfrozen(parameters: &[Parameter]) -> Self {
        let trainable = |parameter: &Parameter| Parameter { trainable: true, ..parameter.clone() };
        Self::from_parameters(&parameters.iter().map(trainable).collect::<Vec<_>>())
    }

    /// Refuses weights of another number.
    pub fn check_count(&self, weights: &[f32]) -> Result<()> {
        let (count, needed) = (weights.len(), self.length);
        let refused = || Error::Refused(format!("{count} weights given, but the model has {needed}"));
        if count == needed { Ok(()) } else { Err(refused()) }
    }

    /// Moves values to another layout of the same parameters, with other frozen ones.
    pub fn moved_to(&self, other: &Self, values: Vec<f32>) -> Vec<f32> {
        if self.offsets == other.offsets {
            return values;
        }
        let mut moved = vec![0.0; other.length];
        for (from, to) in self.moves(other) {
            moved[to].copy_from_slice(&values[from]);
        }
        moved
    }

    /// Like [`Self::moved_to`]; awaits `yield_now` every few milliseconds.
    pub async fn moved(&self, other: &Self, values: Vec<f32>, yield_now: &impl AsyncFn()) -> Vec<f32> {
        if self.offsets == other.offsets {
            return values;
        }
        let mut moved = vec![0.0; other.length];
        for (from, to) in self.moves(other) {
            moved[to].copy_from_slice(&values[from]);
            yield_now().await;
        }
        moved
    }

    /// Source and destination ranges, at most [`MOVED`] entries each.
    fn moves(&self, other: &Self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let parameters = self.offsets.iter().zip(&other.offsets).zip(&self.counts);
        parameters.flat_map(|((from, to), count)| {
            (0..*count).step_by(MOVED).map(move |at| {
                let end = (at + MOVED).min(*count);
                (from + at..from + end, to + at..to + end)
            })
        })
    }

    pub fn range(&self, parameter: ParameterId) -> Range<usize> {
        let start = self.offsets[parameter.index()];
        start..start + self.counts[parameter.index()]
    }

    /// Storage format of a parameter, if in fewer bits.
    pub fn stored(&self, parameter: ParameterId) -> Option<&Stored> {
        self.stored.iter().find(|stored| stored.parameter == parameter)
    }

    /// Words of all matrices stored in fewer bits, with padding.
    pub fn stored_words(&self) -> usize {
        self.stored.last().map_or(0, |last| last.words.end.next_multiple_of(ALIGNMENT))
    }

    /// The part in 32-bit floats, from parameters laid out by `from`.
    pub fn floats<'given>(&self, from: &Self, parameters: &'given [f32]) -> Cow<'given, [f32]> {
        if self.offsets == from.offsets {
            return Cow::Borrowed(&parameters[..self.floats_end]);
        }
        let mut floats = vec![0.0; self.floats_end];
        for (from, to) in from.moves(self).filter(|(_, to)| to.end <= self.floats_end) {
            floats[to].copy_from_slice(&parameters[from]);
        }
        Cow::Owned(floats)
    }

    /// The words of the matrices stored in fewer bits, from parameters laid out by `from`.
    pub fn pack(&self, from: &Self, parameters: &[f32]) -> Vec<u32> {
        let mut words = vec![0; self.stored_words()];
        for own in &self.stored {
            if let Some(weights) = parameters.get(from.range(own.parameter)) {
                blocks::pack(own.element, own.columns, weights, &mut words[own.words.clone()]);
            }
        }
        words
    }

    /// Number of floats that a state needs in this layout. Fails if its words are those of another one.
    pub fn length_of(&self, state: &ArenaState) -> Result<usize> {
        match state.stored.len() {
            0 => Ok(self.length),
            // Floats of the same matrices, which are frozen, are left aside.
            words if words == self.stored_words() && state.parameters.len() == self.length => Ok(self.length),
            words if words == self.stored_words() => Ok(self.floats_end),
            words => Err(Error::Refused(format!(
                "{words} stored words given, but the model has {}",
                self.stored_words()
            ))),
        }
    }

    /// The words of a state's matrices stored in fewer bits, which are shared with it or made of its floats.
    pub fn words_of(&self, state: &ArenaState) -> Arc<Vec<u32>> {
        if state.stored.is_empty() { self.pack(self, &state.parameters).into() } else { state.stored.clone() }
    }

    /// All parameters as floats: the given ones, and the matrices stored in fewer bits if their words are given.
    pub fn all_floats(&self, mut floats: Vec<f32>, words: &[u32]) -> Vec<f32> {
        for own in self.stored.iter().filter(|_| !words.is_empty()) {
            floats.resize(self.length, 0.0);
            let (range, words) = (self.range(own.parameter), &words[own.words.clone()]);
            blocks::unpack(own.element, own.columns, words, &mut floats[range]);
        }
        floats
    }

    /// The pieces that a range overlaps: each one's index, and the overlap relative to the piece's start.
    pub fn spans(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        spans(&self.pieces, range)
    }

    /// Like [`Self::spans`] for a range of a parameter's own entries, or of its words if it is stored in fewer bits.
    pub fn spans_of(
        &self,
        parameter: ParameterId,
        entries: Range<usize>,
    ) -> impl Iterator<Item = (usize, Range<usize>)> {
        let (first, pieces) = match self.stored(parameter) {
            Some(stored) => (stored.words.start, &self.stored_pieces),
            None => (self.offsets[parameter.index()], &self.pieces),
        };
        spans(pieces, first + entries.start..first + entries.end)
    }
}

/// Whether a parameter is stored in fewer bits; only frozen ones are.
fn is_stored(parameter: &Parameter) -> bool {
    let element = parameter.ty.element;
    !parameter.trainable && !matches!(element, Element::F32 | Element::U32)
}

fn spans(pieces: &[Range<usize>], range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    pieces.iter().enumerate().filter_map(move |(number, piece)| {
        let (start, end) = (range.start.max(piece.start), range.end.min(piece.end));
        (start < end).then(|| (number, start - piece.start..end - piece.start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Type;

    /// Parameters of these shapes; every third one is frozen, and vectors are not decayed.
    fn graph(shapes: &[&[usize]]) -> Graph {
        let mut graph = Graph::default();
        for (at, shape) in shapes.iter().enumerate() {
            let own = Parameter::zeros(&format!("weight {at}"), Type::f32(shape));
            graph.parameter(Parameter { decayed: shape.len() > 1, trainable: at % 3 != 2, ..own });
        }
        graph
    }

    #[test]
    fn a_parameter_of_more_entries_than_are_moved_at_a_time_is_moved_whole() {
        let graph = graph(&[&[40, 40], &[100], &[16, 40], &[1100, 1000]]);
        let (from, to) = (ArenaLayout::new(&graph), ArenaLayout::unfrozen(&graph.parameters));
        assert!(from.counts[3] > MOVED && from.offsets[3] != to.offsets[3]);
        let values: Vec<f32> = (0..from.length).map(|at| (at % 1013) as f32).collect();
        let moved = from.moved_to(&to, values.clone());
        for id in (0..4).map(ParameterId) {
            assert!(moved[to.range(id)] == values[from.range(id)], "{id:?}");
        }
    }

    #[test]
    fn pieces_are_cut_between_parameters_and_within_none_that_fits() {
        // 6,400, 100, 640, 12,800, 300, 3,200 and 51,200 floats.
        let graph = graph(&[&[160, 40], &[100], &[16, 40], &[320, 40], &[300], &[80, 40], &[1280, 40]]);
        let whole = ArenaLayout::new(&graph);
        assert_eq!(whole.pieces.len(), 1);
        assert_eq!(ArenaLayout::on(&graph, &Target::new(true)).unwrap(), whole);
        for buffer in [51_200, 81_920, 102_400, 204_800, 4 * whole.length as u64] {
            let target = Target::new(true).with_buffer(buffer);
            let cut = ArenaLayout::on(&graph, &target).unwrap();
            assert_eq!(
                (&cut.offsets, cut.trained_end, cut.length),
                (&whole.offsets, whole.trained_end, whole.length)
            );
            let mut next = 0;
            for piece in &cut.pieces {
                assert!(piece.start == next && next.is_multiple_of(ALIGNMENT));
                assert!(piece.len() as u64 * 4 <= buffer);
                next = piece.end;
            }
            assert_eq!(next, whole.length);
            // No two neighbours would fit into one buffer.
            let together = |two: &[Range<usize>]| (two[0].len() + two[1].len()) as u64 * 4;
            assert!(cut.pieces.windows(2).all(|two| together(two) > buffer), "{cut:?}");
            for (at, parameter) in graph.parameters.iter().enumerate() {
                let range = cut.range(ParameterId(at as u32));
                let spans: Vec<_> = cut.spans(range.clone()).collect();
                assert_eq!(spans.len() == 1, parameter.ty.bytes() <= buffer, "{buffer}: {}", parameter.name);
                let mut next = range.start;
                for (piece, own) in spans {
                    assert_eq!(cut.pieces[piece].start + own.start, next);
                    next += own.len();
                }
                assert_eq!(next, range.end);
            }
        }
    }

    #[test]
    fn what_has_too_few_rows_for_parts_is_refused_by_name() {
        let graph = graph(&[&[16, 4], &[64, 40]]);
        match ArenaLayout::on(&graph, &Target::new(true).with_buffer(10_000)) {
            Err(Error::TooLarge { what, needed: 10_240, available: 9_728, .. }) => {
                assert_eq!(what, "one buffer for weight 1");
            }
            other => panic!("{other:?}"),
        }
    }
}
