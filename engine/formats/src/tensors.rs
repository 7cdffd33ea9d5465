//! Maps a family's tensors (a class of `transformers`, an architecture of GGUF) to our parameters. Export and import use the same
//! table in opposite directions.

use glasshouse_compiler::graph::{Parameter, ParameterId};
use glasshouse_compiler::model::model_parameters;
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::ModelConfig;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

/// A tensor in the family's format, and the rows of our parameter that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub name: String,
    /// Shape in the file.
    pub shape: Vec<usize>,
    /// Name of our parameter. If the model has no such parameter, the tensor is all zeros.
    pub parameter: String,
    /// Entry i of the tensor's rows (columns if transposed) is our row of this number. Entries of a vector count as rows.
    pub rows: Rows,
    /// The first of our columns that it holds; as many as it has itself.
    pub first_column: usize,
    /// Matrices in the tensor, one after another, which hold the same rows of ours; each has the columns after those of the one before.
    pub parts: usize,
    /// The tensor is [in, out] (`Conv1D`), ours [out, in].
    pub transposed: bool,
    /// Added to our entries in the file: 1 or −1 if only one of both stores a norm's scale without its 1.
    pub offset: i8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    Range(Range<usize>),
    Listed(Rc<[usize]>),
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::Listed(rows) => rows.len(),
        }
    }

    pub(crate) fn at(&self, index: usize) -> usize {
        match self {
            Self::Range(range) => range.start + index,
            Self::Listed(rows) => rows[index],
        }
    }

    /// The rows of `heads` heads, starting at our row `first`, with each head's channels in the given `order`.
    pub fn from_heads(first: usize, heads: usize, order: &[usize]) -> Self {
        let size = order.len();
        if order.iter().copied().eq(0..size) {
            return Self::Range(first..first + heads * size);
        }
        let rows = (0..heads).flat_map(|head| order.iter().map(move |at| first + head * size + at));
        Self::Listed(rows.collect())
    }

    /// These rows and then `more` of ours.
    pub fn and(self, more: Range<usize>) -> Self {
        match self {
            Self::Range(rows) if rows.end == more.start => Self::Range(rows.start..more.end),
            rows => Self::Listed((0..rows.len()).map(|index| rows.at(index)).chain(more).collect()),
        }
    }
}

/// Matches a family's tensors with those of a file that `find` finds, with their names and shapes; all must match exactly, and none
/// of those that are `left` may be unused. `settings`, the part of the file that describes the model, the family's name, and advice are
/// for the error.
pub(crate) fn matched<'file, Stored>(
    tensors: Vec<Tensor>,
    mut left: BTreeSet<&'file str>,
    find: impl Fn(&Tensor) -> Option<(&'file str, &'file [usize], Stored)>,
    [settings, family, advice]: [&str; 3],
) -> Result<Vec<(Tensor, Stored)>, String> {
    let (mut matched, mut missing) = (Vec::with_capacity(tensors.len()), Vec::new());
    for tensor in tensors {
        let Some((name, shape, stored)) = find(&tensor) else {
            missing.push(tensor.name);
            continue;
        };
        if shape != tensor.shape {
            return Err(format!(
                "{name} is {shape:?}, but {settings} says {:?}: they belong to different models; {advice}",
                tensor.shape
            ));
        }
        left.remove(name);
        matched.push((tensor, stored));
    }
    if let Some(first) = missing.first() {
        return Err(format!("{} tensors are missing, starting with {first}; {advice}", missing.len()));
    }
    if let Some(first) = left.first() {
        return Err(format!(
            "{} tensors are not used by {family}, starting with {first}: {settings} may be that of another model; {advice}",
            left.len()
        ));
    }
    Ok(matched)
}

/// Our parameters by name, in a single arena.
#[derive(Clone, Debug)]
pub struct Parameters {
    list: Vec<Parameter>,
    numbers: HashMap<String, usize>,
    layout: ArenaLayout,
    /// Divides the final norm's entries in the file.
    norm_divisor: f32,
}

impl Parameters {
    pub fn new(model: &ModelConfig) -> Result<Self> {
        Ok(Self::from_list(model_parameters(model)?))
    }

    /// The parameters of a list, with an arena of their own.
    pub fn from_list(list: Vec<Parameter>) -> Self {
        let numbers = list.iter().enumerate().map(|(at, parameter)| (parameter.name.clone(), at)).collect();
        let layout = ArenaLayout::from_parameters(&list);
        Self { list, numbers, layout, norm_divisor: 1.0 }
    }

    pub(crate) fn with_norm_divided_by(self, norm_divisor: f32) -> Self {
        Self { norm_divisor, ..self }
    }

    pub fn count(&self) -> usize {
        self.layout.length
    }

    pub fn list(&self) -> &[Parameter] {
        &self.list
    }

    /// The number of the parameter that holds a tensor.
    pub fn holding(&self, tensor: &Tensor) -> Result<usize> {
        let none = || Error::Internal(format!("the model has no parameter {}", tensor.parameter));
        self.numbers.get(&tensor.parameter).copied().ok_or_else(none)
    }

    /// Shape and arena range of a parameter, by number.
    pub fn of_number(&self, number: usize) -> (&[usize], Range<usize>) {
        (&self.list[number].ty.shape, self.layout.range(ParameterId(number as u32)))
    }

    /// Arena range of a parameter, if the model has it.
    pub fn range(&self, name: &str) -> Option<Range<usize>> {
        self.find(name).map(|(_, range)| range)
    }

    /// Like [`Self::of_number`], by name.
    fn find(&self, name: &str) -> Option<(&[usize], Range<usize>)> {
        self.numbers.get(name).map(|number| self.of_number(*number))
    }
}

/// Bytes of floats read at a time.
const PIECE: usize = 1 << 20;

/// Whether the family has a bias that our model may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BiasRule {
    /// Always; zeros if ours has none.
    Always,
    /// Only if ours has one.
    AsOurs,
}

/// Builds the list of a model's tensors in a family's format.
pub struct TensorTable<'model> {
    parameters: &'model Parameters,
    tensors: Vec<Tensor>,
    /// Prefixes of the family's names and of ours; empty outside of blocks.
    prefixes: [String; 2],
}

impl<'model> TensorTable<'model> {
    pub fn new(parameters: &'model Parameters) -> Self {
        Self { parameters, tensors: Vec::new(), prefixes: Default::default() }
    }

    pub fn done(self) -> Vec<Tensor> {
        self.tensors
    }

    /// The tensors of all blocks, by their names within a block. `theirs` is the family's name of the list of blocks.
    pub fn blocks(&mut self, count: usize, theirs: &str, each: impl Fn(&mut Self)) {
        for block in 0..count {
            self.prefixes = [format!("{theirs}.{block}."), format!("blocks.{block}.")];
            each(self);
        }
        self.prefixes = Default::default();
    }

    /// A matrix or vector, unchanged; skipped if our model lacks it.
    pub fn whole(&mut self, theirs: &str, ours: &str) {
        self.add(theirs, ours, |_| {});
    }

    /// Like [`Self::whole`], with entries that are ours plus `offset`.
    pub fn offset(&mut self, theirs: &str, ours: &str, offset: i8) {
        self.add(theirs, ours, |tensor| tensor.offset = offset);
    }

    /// A matrix that holds these columns of ours.
    pub fn columns(&mut self, theirs: &str, ours: &str, columns: Range<usize>) {
        self.add(theirs, ours, |tensor| {
            (tensor.first_column, tensor.shape[1]) = (columns.start, columns.len());
        });
    }

    /// Matrices in one tensor that hold these rows of ours; several with the same rows have columns after one another.
    pub fn stacked(&mut self, theirs: &str, ours: &str, shape: [usize; 3], rows: Rows) {
        self.add(theirs, ours, |tensor| {
            (tensor.parts, tensor.shape) = (shape[0] * shape[1] / rows.len(), shape.to_vec());
            tensor.rows = rows;
        });
    }

    /// Norms and linear layers, with a weight and a bias each: the family's names and ours.
    pub fn layers(&mut self, bias: BiasRule, names: &[(&str, &str)]) {
        names.iter().for_each(|(theirs, ours)| self.layer(theirs, ours, None, bias, false));
    }

    /// Linear layers whose weights are stored as [in, out].
    pub fn transposed(&mut self, bias: BiasRule, names: &[(&str, &str)]) {
        names.iter().for_each(|(theirs, ours)| self.layer(theirs, ours, None, bias, true));
    }

    /// A linear layer that holds these rows of ours.
    pub fn rows(&mut self, theirs: &str, ours: &str, rows: Rows, bias: BiasRule) {
        self.layer(theirs, ours, Some(rows), bias, false);
    }

    fn layer(&mut self, theirs: &str, ours: &str, rows: Option<Rows>, bias: BiasRule, transposed: bool) {
        let number = self.tensors.len();
        self.add(&format!("{theirs}.weight"), &format!("{ours}.weight"), |weight| {
            if let Some(rows) = rows {
                (weight.shape[0], weight.rows) = (rows.len(), rows);
            }
            if transposed {
                weight.shape.reverse();
                weight.transposed = true;
            }
        });
        let Some(weight) = self.tensors.get(number).cloned() else { return };
        let [name, parameter] = self.full(&format!("{theirs}.bias"), &format!("{ours}.bias"));
        if bias == BiasRule::Always || self.parameters.find(&parameter).is_some() {
            let shape = vec![weight.rows.len()];
            self.tensors.push(Tensor { name, shape, parameter, transposed: false, ..weight });
        }
    }

    /// Adds the tensor of one of our parameters, if our model has it, with changes.
    fn add(&mut self, theirs: &str, ours: &str, change: impl FnOnce(&mut Tensor)) {
        let [name, parameter] = self.full(theirs, ours);
        if let Some((shape, _)) = self.parameters.find(&parameter) {
            let (shape, rows) = (shape.to_vec(), Rows::Range(0..shape[0]));
            let mut tensor = Tensor {
                name,
                shape,
                parameter,
                rows,
                first_column: 0,
                parts: 1,
                transposed: false,
                offset: 0,
            };
            change(&mut tensor);
            self.tensors.push(tensor);
        }
    }

    fn full(&self, theirs: &str, ours: &str) -> [String; 2] {
        let [their_prefix, our_prefix] = &self.prefixes;
        [format!("{their_prefix}{theirs}"), format!("{our_prefix}{ours}")]
    }
}

/// Refuses entries of the tensor `name` that are not finite.
pub fn check_finite(name: &str, entries: &[f32]) -> Result<()> {
    match entries.iter().find(|entry| !entry.is_finite()) {
        Some(odd) => Err(Error::Refused(format!(
            "{name} holds {odd}: the training diverged; choose an earlier checkpoint"
        ))),
        None => Ok(()),
    }
}

impl Tensor {
    /// Entries per row in the file.
    pub fn columns(&self) -> usize {
        self.shape.iter().skip(1).last().copied().unwrap_or(1)
    }

    /// Rows in the file; entries of a vector count as rows.
    pub fn row_count(&self) -> usize {
        self.shape.iter().product::<usize>() / self.columns().max(1)
    }

    /// Our row and first column of a row of the file.
    pub(crate) fn place_of(&self, row: usize) -> [usize; 2] {
        let count = self.rows.len();
        match self.parts {
            1 => [self.rows.at(row), self.first_column],
            _ => [self.rows.at(row % count), self.first_column + row / count * self.columns()],
        }
    }

    /// Row ranges in order, each filling a small buffer. A vector is a single piece, because formats may store it in blocks.
    pub fn pieces(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, columns) = (self.row_count(), self.columns());
        let step = if columns == 1 { rows } else { PIECE / (4 * columns).max(1) }.max(1);
        (0..rows).step_by(step).map(move |first| first..rows.min(first + step))
    }

    /// The tensor's entries, row-major, read from our arena.
    pub fn gather(&self, parameters: &Parameters, arena: &[f32]) -> Result<Vec<f32>> {
        let count = self.shape.iter().product();
        let Some((shape, place)) = parameters.find(&self.parameter) else { return Ok(vec![0.0; count]) };
        let ours = arena.get(place).ok_or_else(|| {
            Error::Internal(format!("{} floats are too few for {}", arena.len(), self.parameter))
        })?;
        let columns: usize = shape.iter().skip(1).product();
        let width = if self.transposed { columns } else { self.columns() };
        let mut entries = vec![0.0; count];
        for index in 0..self.parts * self.rows.len() {
            let [row, column] = self.place_of(index);
            let row = &ours[row * columns + column..][..width];
            if self.transposed {
                entries[index..]
                    .iter_mut()
                    .step_by(self.rows.len())
                    .zip(row)
                    .for_each(|(to, from)| *to = *from);
            } else {
                entries[index * width..][..width].copy_from_slice(row);
            }
        }
        if parameters.norm_divisor != 1.0 && ["norm.weight", "norm.bias"].contains(&self.parameter.as_str()) {
            entries.iter_mut().for_each(|entry| *entry /= parameters.norm_divisor);
        }
        if self.offset != 0 {
            entries.iter_mut().for_each(|entry| *entry += f32::from(self.offset));
        }
        Ok(entries)
    }

    /// Writes the tensor's rows from `first` on into our arena. Rows beyond ours are dropped.
    pub fn scatter(
        &self,
        parameters: &Parameters,
        arena: &mut [f32],
        first: usize,
        entries: &[f32],
    ) -> Result<()> {
        let (shape, place) = parameters.of_number(parameters.holding(self)?);
        self.put(shape, &mut arena[place], first, entries);
        Ok(())
    }

    /// Like [`Self::scatter`], into a single parameter.
    pub fn put(&self, shape: &[usize], ours: &mut [f32], first: usize, entries: &[f32]) {
        let columns: usize = shape.iter().skip(1).product();
        if self.transposed {
            // A row of the tensor is a column of ours.
            for (row, entries) in entries.chunks_exact(self.rows.len()).enumerate() {
                for (index, entry) in entries.iter().enumerate() {
                    ours[self.rows.at(index) * columns + first + row] = *entry;
                }
            }
        } else {
            // If the context was shortened, only the beginning of the position table is used.
            let known = self.parts * self.rows.len().min(shape[0]);
            let known = known.saturating_sub(first);
            let width = self.columns();
            for (index, entries) in entries.chunks_exact(width).take(known).enumerate() {
                let [row, column] = self.place_of(first + index);
                let place = &mut ours[row * columns + column..][..width];
                place.copy_from_slice(entries);
                if self.offset != 0 {
                    place.iter_mut().for_each(|entry| *entry -= f32::from(self.offset));
                }
            }
        }
    }
}

/// Whether the tensors hold a parameter's rows contiguously, in file order, untransposed and unchanged.
pub fn follow_each_other<'all>(mut tensors: impl Iterator<Item = &'all Tensor>, shape: &[usize]) -> bool {
    let end = tensors.try_fold(0, |end, tensor| match &tensor.rows {
        Rows::Range(rows)
            if rows.start == end && !tensor.transposed && tensor.offset == 0 && tensor.parts == 1 =>
        {
            Some(rows.end)
        }
        _ => None,
    });
    end == shape.first().copied()
}

/// Number of NaN or infinite entries. Counting in 32 bits fits many into a vector register.
pub fn not_finite(piece: &[f32]) -> usize {
    piece.iter().map(|entry| u32::from(!entry.is_finite())).sum::<u32>() as usize
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Checks that the tensors cover every float of every parameter exactly once.
    pub fn covers(parameters: &Parameters, tensors: &[Tensor]) -> std::result::Result<(), String> {
        let mut times = vec![0_u8; parameters.count()];
        for tensor in tensors {
            let Some((shape, place)) = parameters.find(&tensor.parameter) else { continue };
            let columns: usize = shape.iter().skip(1).product();
            for index in 0..tensor.parts * tensor.rows.len() {
                let [row, column] = tensor.place_of(index);
                let row = place.start + row * columns + column;
                let width = if tensor.transposed { columns } else { tensor.columns() };
                times[row..row + width].iter_mut().for_each(|times| *times += 1);
            }
        }
        for parameter in parameters.list() {
            let (_, place) = parameters.find(&parameter.name).unwrap();
            if let Some(at) = times[place].iter().position(|times| *times != 1) {
                return Err(format!("entry {at} of {} is not written once", parameter.name));
            }
        }
        Ok(())
    }
}
