//! fastText's supervised models (.bin, .ftz): Joulin et al. 2016, arXiv:1607.01759 and arXiv:1612.03651. Follows the C++ program, down to its
//! sign-extended hashes and table of sigmoids, so that scores equal those of its Python package.

use glasshouse_documents::files::{FileType, Files};
use glasshouse_documents::{Error, Result};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

const MAGIC: i32 = 793_712_314;
const SUPERVISED: i32 = 3;
const MAX_WORD: u64 = 1 << 20;
const MAX_LABELS: usize = 100_000;
/// Bytes of the shortest dictionary entry: an empty word, its count and its kind.
const ENTRY_BYTES: u64 = 10;
const LABEL_PREFIX: &str = "__label__";
const END_OF_TEXT: &[u8] = b"</s>";
/// Number of centroids of a quantised part of a row.
const CENTROIDS: usize = 256;

/// A model that assigns labels to texts.
pub struct FastText {
    dimension: usize,
    word_ngrams: usize,
    /// Shortest and longest character n-grams.
    characters: (usize, usize),
    buckets: u32,
    words: HashMap<Box<[u8]>, u32>,
    word_count: usize,
    /// Rows of the hashed n-grams that pruning kept; `None` without pruning.
    kept: Option<HashMap<u32, u32>>,
    /// Without fastText's prefix.
    labels: Vec<String>,
    input: Matrix,
    output: Matrix,
    loss: Loss,
}

enum Loss {
    Softmax,
    /// Independent labels: negative sampling and one-versus-all.
    Sigmoid,
    /// The children of each inner node of a Huffman tree; the root is last. Nodes below the number of labels are leaves.
    Hierarchical(Vec<[usize; 2]>),
}

impl FastText {
    /// # Errors
    /// The file cannot be read, is not a supervised model, or its parts contradict each other.
    pub(super) fn read(file: &str, files: &dyn Files) -> Result<Self> {
        let path = Path::new(file);
        let bad =
            |reason: &str| Error::bad_file(path, format!("is not a fastText model for labels: {reason}"));
        let FileType::File(size) = files.file_type(path).map_err(Error::io(path))? else {
            return Err(bad("is not a file"));
        };
        let input = files.open(path).map_err(Error::io(path))?;
        Self::parse(&mut Bytes { input: BufReader::new(input), left: size }).map_err(|error| {
            match error.kind() {
                io::ErrorKind::UnexpectedEof => bad("it is too short"),
                _ => bad(&error.to_string()),
            }
        })
    }

    fn parse(bytes: &mut Bytes<impl Read>) -> io::Result<Self> {
        let [magic, version] = bytes.numbers()?;
        if magic != MAGIC || !(11..=12).contains(&version) {
            return Err(damaged("its header is of another kind"));
        }
        let [dimension, _, _, _, _, grams, loss, model, buckets, shortest, longest, _] = bytes.numbers()?;
        bytes.array::<8>()?;
        if model != SUPERVISED {
            return Err(damaged("it has word vectors, not labels"));
        }
        // Version 11 stored a length that supervised models did not use.
        let longest = if version == 11 { 0 } else { longest };
        let [entries, words, label_count] = bytes.numbers()?;
        let is_sound = (1..=4096).contains(&dimension)
            && (0..=16).contains(&grams)
            && (0..=64).contains(&longest)
            && (buckets > 0 || grams <= 1 && longest == 0)
            && (1..=MAX_LABELS as i32).contains(&label_count)
            && words >= 0
            && words.checked_add(label_count) == Some(entries)
            && entries as u64 * ENTRY_BYTES <= bytes.left;
        if !is_sound {
            return Err(damaged("its header is damaged"));
        }
        let (dimension, entries, word_count) = (dimension as usize, entries as usize, words as usize);
        let _tokens = bytes.array::<8>()?;
        let pruned = i64::from_le_bytes(bytes.array()?);
        let mut words = HashMap::with_capacity(word_count);
        let (mut labels, mut counts) = (Vec::new(), Vec::new());
        for id in 0..entries {
            let entry = bytes.word()?;
            let count = i64::from_le_bytes(bytes.array()?);
            match bytes.array()? {
                [0] if id < word_count => _ = words.insert(entry.into_boxed_slice(), id as u32),
                [1] if id >= word_count => {
                    labels.push(plain(&String::from_utf8_lossy(&entry)).to_owned());
                    counts.push(count);
                }
                _ => return Err(damaged("its dictionary is damaged")),
            }
        }
        let mut kept = (pruned >= 0).then(HashMap::new);
        if let Some(kept) = &mut kept {
            if pruned as u64 > bytes.left / 8 {
                return Err(damaged("its header is damaged"));
            }
            for _ in 0..pruned {
                let [hash, row] = bytes.numbers()?;
                if !(0..pruned).contains(&i64::from(row)) {
                    return Err(damaged("its pruned n-grams are damaged"));
                }
                kept.insert(hash as u32, row as u32);
            }
        }
        let hashed = match pruned {
            0.. => pruned as usize,
            _ if grams > 1 || longest > 0 => buckets as usize,
            _ => 0,
        };
        let [is_quantised] = bytes.array()?;
        let input = Matrix::read(bytes, is_quantised == 1, dimension, word_count + hashed)?;
        let [output_too] = bytes.array()?;
        let output = Matrix::read(bytes, is_quantised == 1 && output_too == 1, dimension, labels.len())?;
        let loss = match loss {
            1 => Loss::Hierarchical(huffman(&counts)),
            2 | 4 => Loss::Sigmoid,
            3 => Loss::Softmax,
            _ => return Err(damaged("its loss is not known")),
        };
        Ok(Self {
            dimension,
            word_ngrams: grams as usize,
            characters: (shortest.max(0) as usize, longest as usize),
            buckets: buckets.max(1) as u32,
            words,
            word_count,
            kept,
            labels,
            input,
            output,
            loss,
        })
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// The most likely label of a text and its probability; `None` for a text without known words or n-grams.
    pub(super) fn best(&self, text: &str) -> Option<(&str, f64)> {
        let found = self.predict(text)?;
        let (label, best) = found.iter().enumerate().rev().max_by(|one, other| one.1.total_cmp(other.1))?;
        Some((&self.labels[label], f64::from(*best)))
    }

    /// 0 for a text without known words or n-grams.
    pub(super) fn probability(&self, text: &str, label: &str) -> f64 {
        let label = self.labels.iter().position(|own| own == plain(label));
        let found = label.and_then(|label| Some(self.predict(text)?[label]));
        found.map_or(0.0, f64::from)
    }

    /// The probability of each label.
    fn predict(&self, text: &str) -> Option<Vec<f32>> {
        let rows = self.rows(text);
        if rows.is_empty() {
            return None;
        }
        let (mut hidden, mut values) = (vec![0.0; self.dimension], Vec::new());
        for row in &rows {
            self.input.row(*row, &mut values);
            hidden.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value);
        }
        let scale = 1.0 / rows.len() as f32;
        hidden.iter_mut().for_each(|value| *value *= scale);
        let mut score = |row: usize| -> f32 {
            self.output.row(row, &mut values);
            hidden.iter().zip(&values).map(|(one, other)| one * other).sum()
        };
        let labels = 0..self.labels.len();
        // The program adds 1e-5 within its logarithms of probabilities.
        let found: Vec<f32> = match &self.loss {
            Loss::Sigmoid => labels.map(|label| sigmoid(score(label)) + 1e-5).collect(),
            Loss::Softmax => {
                let scores: Vec<f32> = labels.map(score).collect();
                let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let powers: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
                let sum: f32 = powers.iter().sum();
                powers.iter().map(|power| power / sum + 1e-5).collect()
            }
            Loss::Hierarchical(children) => {
                let mut logs = vec![0.0; labels.len() + children.len()];
                for (node, [left, right]) in children.iter().enumerate().rev() {
                    let share = 1.0 / (1.0 + (-score(node)).exp());
                    let above: f32 = logs[labels.len() + node];
                    logs[*left] = above + (1.0 - share + 1e-5).ln();
                    logs[*right] = above + (share + 1e-5).ln();
                }
                logs[labels].iter().map(|log| log.exp()).collect()
            }
        };
        Some(found.into_iter().map(|share| share.min(1.0)).collect())
    }

    /// The rows of a text's words, of their character n-grams and of its word n-grams.
    fn rows(&self, text: &str) -> Vec<usize> {
        let (mut rows, mut hashes) = (Vec::new(), Vec::new());
        let is_separator = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c | 0);
        let words = text.as_bytes().split(is_separator).filter(|word| !word.is_empty());
        for word in words.take_while(|word| *word != END_OF_TEXT).chain([END_OF_TEXT]) {
            let known = self.words.get(word);
            if known.is_none() && word.starts_with(LABEL_PREFIX.as_bytes()) {
                continue;
            }
            rows.extend(known.map(|id| *id as usize));
            if self.characters.1 > 0 && word != END_OF_TEXT {
                self.character_ngrams(&[b"<", word, b">"].concat(), &mut rows);
            }
            hashes.push(i64::from(hash(word).cast_signed()).cast_unsigned());
        }
        for (at, first) in hashes.iter().enumerate() {
            let mut sum = *first;
            for next in hashes.iter().skip(at + 1).take(self.word_ngrams.saturating_sub(1)) {
                sum = sum.wrapping_mul(116_049_371).wrapping_add(*next);
                rows.extend(self.hashed((sum % u64::from(self.buckets)) as u32));
            }
        }
        rows
    }

    fn character_ngrams(&self, word: &[u8], rows: &mut Vec<usize>) {
        let is_start = |at: usize| word.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        let (shortest, longest) = self.characters;
        for start in (0..word.len()).filter(|start| is_start(*start)) {
            let ends = (start + 1..=word.len()).filter(|end| is_start(*end));
            for (length, end) in (1..=longest).zip(ends) {
                if length >= shortest && !(length == 1 && (start == 0 || end == word.len())) {
                    rows.extend(self.hashed(hash(&word[start..end]) % self.buckets));
                }
            }
        }
    }

    fn hashed(&self, bucket: u32) -> Option<usize> {
        let row = match &self.kept {
            Some(kept) => *kept.get(&bucket)?,
            None => bucket,
        };
        Some(self.word_count + row as usize)
    }
}

/// FNV-1a, except that bytes are sign-extended.
fn hash(word: &[u8]) -> u32 {
    word.iter().fold(2_166_136_261, |hash, byte| {
        (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(16_777_619)
    })
}

/// The program's table of 512 values between -8 and 8.
fn sigmoid(value: f32) -> f32 {
    match value {
        _ if value < -8.0 => 0.0,
        _ if value > 8.0 => 1.0,
        _ => 1.0 / (1.0 + (8.0 - ((value + 8.0) * 32.0).floor() / 32.0).exp()),
    }
}

/// The children of the inner nodes of a Huffman tree over counts in descending order.
fn huffman(counts: &[i64]) -> Vec<[usize; 2]> {
    let labels = counts.len();
    let mut counts = counts.to_vec();
    let (mut leaf, mut node) = (labels, labels);
    let mut next = |counts: &[i64]| {
        let count = |at: usize| counts.get(at).copied().unwrap_or(1_000_000_000_000_000);
        if leaf > 0 && count(leaf - 1) < count(node) {
            leaf -= 1;
            leaf
        } else {
            node += 1;
            node - 1
        }
    };
    (1..labels)
        .map(|_| {
            let children = [next(&counts), next(&counts)];
            counts.push(children.iter().map(|child| counts[*child]).sum());
            children
        })
        .collect()
}

enum Matrix {
    Dense { rows: Vec<f32>, dimension: usize },
    Quantised { codes: Vec<u8>, parts: Parts, norms: Option<(Vec<u8>, Parts)> },
}

/// Product quantisation: a centroid for each part of a row.
struct Parts {
    count: usize,
    /// Values of each part but the last.
    width: usize,
    /// Values of the last part.
    last: usize,
    centroids: Vec<f32>,
}

impl Matrix {
    fn read(
        bytes: &mut Bytes<impl Read>,
        quantised: bool,
        dimension: usize,
        least: usize,
    ) -> io::Result<Self> {
        let contradicts = || damaged("the size of its matrix contradicts its header");
        let has_norms = quantised && bytes.array()? == [1];
        let sizes: [i64; 2] = [i64::from_le_bytes(bytes.array()?), i64::from_le_bytes(bytes.array()?)];
        let [rows, columns] = sizes.map(|size| usize::try_from(size).unwrap_or(0));
        if rows < least || columns != dimension {
            return Err(contradicts());
        }
        if !quantised {
            let count = rows.checked_mul(dimension).ok_or_else(contradicts)?;
            return Ok(Self::Dense { rows: bytes.floats(count)?, dimension });
        }
        let [length] = bytes.numbers()?;
        let codes = bytes.vector(usize::try_from(length).unwrap_or(0))?;
        let parts = Parts::read(bytes, dimension)?;
        if rows.checked_mul(parts.count) != Some(codes.len()) {
            return Err(contradicts());
        }
        let norms = if has_norms { Some((bytes.vector(rows)?, Parts::read(bytes, 1)?)) } else { None };
        Ok(Self::Quantised { codes, parts, norms })
    }

    fn row(&self, row: usize, values: &mut Vec<f32>) {
        values.clear();
        match self {
            Self::Dense { rows, dimension } => {
                values.extend_from_slice(&rows[row * dimension..(row + 1) * dimension]);
            }
            Self::Quantised { codes, parts, norms } => {
                let norm = norms.as_ref().map_or(1.0, |(codes, norms)| norms.centroid(0, codes[row])[0]);
                for (part, code) in codes[row * parts.count..(row + 1) * parts.count].iter().enumerate() {
                    values.extend(parts.centroid(part, *code).iter().map(|value| norm * value));
                }
            }
        }
    }
}

impl Parts {
    fn read(bytes: &mut Bytes<impl Read>, dimension: usize) -> io::Result<Self> {
        let [all, count, width, last] = bytes.numbers()?.map(|size| usize::try_from(size).unwrap_or(0));
        let covers = count > 0 && width > 0 && (1..=width).contains(&last);
        if all != dimension || !covers || (count - 1).checked_mul(width) != Some(dimension - last) {
            return Err(damaged("its quantised parts do not cover a row"));
        }
        Ok(Self { count, width, last, centroids: bytes.floats(dimension * CENTROIDS)? })
    }

    fn centroid(&self, part: usize, code: u8) -> &[f32] {
        let width = if part + 1 == self.count { self.last } else { self.width };
        let start = part * CENTROIDS * self.width + usize::from(code) * width;
        &self.centroids[start..start + width]
    }
}

/// A file and the number of its bytes that were not read yet, which limits every allocation.
struct Bytes<R> {
    input: BufReader<R>,
    left: u64,
}

impl<R: Read> Bytes<R> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut array = [0; N];
        self.input.read_exact(&mut array)?;
        self.left = self.left.saturating_sub(N as u64);
        Ok(array)
    }

    fn numbers<const N: usize>(&mut self) -> io::Result<[i32; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = i32::from_le_bytes(self.array()?);
        }
        Ok(numbers)
    }

    /// Up to the next zero.
    fn word(&mut self) -> io::Result<Vec<u8>> {
        let mut word = Vec::new();
        let read = self.input.by_ref().take(MAX_WORD).read_until(0, &mut word)?;
        self.left = self.left.saturating_sub(read as u64);
        if word.pop() != Some(0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(word)
    }

    fn vector(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length as u64 > self.left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut vector = vec![0; length];
        self.input.read_exact(&mut vector)?;
        self.left -= length as u64;
        Ok(vector)
    }

    fn floats(&mut self, count: usize) -> io::Result<Vec<f32>> {
        if count as u64 > self.left / 4 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut floats = Vec::with_capacity(count);
        while floats.len() < count {
            let part = self.vector(4 * (count - floats.len()).min(1 << 16))?;
            floats.extend(part.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        Ok(floats)
    }
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A label without fastText's prefix.
pub(super) fn plain(label: &str) -> &str {
    label.strip_prefix(LABEL_PREFIX).unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 6] = ["</s>", "the", "river", "größe", "北京", "and"];
    const LABELS: [&str; 3] = ["__label__hq", "__label__lq", "__label__other"];
    const TEXTS: [&str; 4] = [
        "the river",
        "größe und the 北京",
        "unknown words only, and a __label__hq",
        "river the\tand  the river",
    ];
    const DIMENSION: usize = 4;
    const BUCKETS: usize = 40;
    const PRUNED: usize = 12;
    /// By loss, unquantised and quantised, and text, from tests/python/fast_text.py.
    const ANSWERS: [[[[f32; 3]; 4]; 2]; 3] = [
        [
            [
                [0.521_637, 0.164_019, 0.314_374],
                [0.572_668, 0.259_391, 0.167_97],
                [0.369_048, 0.383_29, 0.247_694],
                [0.478_9, 0.202_633, 0.318_497],
            ],
            [
                [0.514_454, 0.285_613, 0.199_962],
                [0.523_568, 0.304_491, 0.171_971],
                [0.514_057, 0.285_43, 0.200_543],
                [0.518_03, 0.282_016, 0.199_984],
            ],
        ],
        [
            [
                [0.341_593, 0.476_59, 0.766_304],
                [0.600_198, 0.422_515, 0.554_48],
                [0.600_198, 0.629_785, 0.453_272],
                [0.384_922, 0.515_63, 0.724_88],
            ],
            [
                [0.585_111, 0.484_39, 0.484_39],
                [0.637_041, 0.468_801, 0.492_198],
                [0.585_111, 0.484_39, 0.453_272],
                [0.577_505, 0.476_59, 0.468_801],
            ],
        ],
        [
            [
                [0.109_282, 0.192_087, 0.698_661],
                [0.435_997, 0.210_692, 0.353_341],
                [0.377_674, 0.417_285, 0.205_07],
                [0.143_761, 0.245_878, 0.610_391],
            ],
            [
                [0.430_204, 0.284_28, 0.285_547],
                [0.481_788, 0.247_62, 0.270_622],
                [0.445_026, 0.295_587, 0.259_416],
                [0.436_716, 0.288_142, 0.275_172],
            ],
        ],
    ];

    fn numbers<const N: usize>(numbers: [usize; N]) -> Vec<u8> {
        numbers.iter().flat_map(|number| (*number as i32).to_le_bytes()).collect()
    }

    fn floats(count: usize, seed: usize) -> Vec<u8> {
        let value = |at: usize| ((seed + 7919 * at) % 101) as f32 / 25.0 - 2.0;
        (0..count).flat_map(|at| value(at).to_le_bytes()).collect()
    }

    fn matrix(rows: usize, quantised: bool, seed: usize) -> Vec<u8> {
        let codes = |count: usize, step: usize| (0..count).map(move |at| ((seed + step * at) % 256) as u8);
        let size = [rows as i64, DIMENSION as i64].map(i64::to_le_bytes).concat();
        if !quantised {
            return [size, floats(rows * DIMENSION, seed)].concat();
        }
        let mut bytes = [vec![1], size, numbers([rows * 2])].concat();
        bytes.extend(codes(rows * 2, 31));
        bytes.extend([numbers([DIMENSION, 2, 3, 1]), floats(DIMENSION * CENTROIDS, seed)].concat());
        bytes.extend(codes(rows, 17));
        bytes.extend([numbers([1, 1, 1, 1]), floats(CENTROIDS, seed + 5)].concat());
        bytes
    }

    /// The model of tests/python/fast_text.py.
    fn model(loss: usize, quantised: bool) -> Vec<u8> {
        let header = [12, DIMENSION, 5, 5, 1, 5, 3, loss, 3, BUCKETS, 2, 4, 100];
        let mut bytes =
            [MAGIC.to_le_bytes().to_vec(), numbers(header), 1e-4_f64.to_le_bytes().to_vec()].concat();
        bytes.extend(numbers([WORDS.len() + LABELS.len(), WORDS.len(), LABELS.len()]));
        let pruned = if quantised { PRUNED as i64 } else { -1 };
        bytes.extend([99, pruned].map(i64::to_le_bytes).concat());
        for (at, name) in WORDS.iter().chain(&LABELS).enumerate() {
            bytes.extend(name.bytes().chain([0]).chain((50 - at as i64).to_le_bytes()));
            bytes.push(u8::from(at >= WORDS.len()));
        }
        let kept = if quantised { PRUNED } else { 0 };
        bytes.extend((0..kept).flat_map(|row| numbers([3 * row, row])));
        let rows = WORDS.len() + if quantised { PRUNED } else { BUCKETS };
        let flag = vec![u8::from(quantised)];
        let matrices = [flag.clone(), matrix(rows, quantised, 3), flag, matrix(LABELS.len(), quantised, 11)];
        [bytes, matrices.concat()].concat()
    }

    fn parse(bytes: &[u8]) -> io::Result<FastText> {
        FastText::parse(&mut Bytes { input: BufReader::new(bytes), left: bytes.len() as u64 })
    }

    #[test]
    fn scores_equal_those_of_pythons_fasttext() {
        for (loss, of_loss) in ANSWERS.iter().enumerate() {
            for (quantised, answers) in [false, true].into_iter().zip(of_loss) {
                let model = parse(&model(loss + 1, quantised)).unwrap();
                for (text, answer) in TEXTS.iter().zip(answers) {
                    let found = model.predict(text).unwrap();
                    let is_near = |(one, other): (&f32, &f32)| (one - other).abs() < 2e-6;
                    assert!(
                        found.iter().zip(answer).all(is_near),
                        "{loss} {quantised} {text}: {found:?}, {answer:?}"
                    );
                }
            }
        }
    }

    /// `lid.176.ftz`, a model of word pairs as DataComp-LM's, and the same quantised (`tests/python/fast_text.py`).
    #[test]
    fn slow_scores_of_trained_models_equal_those_of_pythons_fasttext() {
        let folder = tempfile::tempdir().unwrap();
        let python = std::env::var_os("GLASSHOUSE_PYTHON").unwrap_or_else(|| {
            let home = std::path::PathBuf::from(std::env::var_os("HOME").unwrap());
            home.join(".cache/glasshouse/venv/bin/python").into()
        });
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/fast_text.py");
        let status = std::process::Command::new(python).arg(script).arg(folder.path()).status().unwrap();
        assert!(status.success());
        let answers = std::fs::read(folder.path().join("scores.json")).unwrap();
        let answers: serde_json::Value = serde_json::from_slice(&answers).unwrap();
        let documents = answers["documents"].as_array().unwrap();
        for (name, scores) in answers["scores"].as_object().unwrap() {
            let model = parse(&std::fs::read(folder.path().join(name)).unwrap()).unwrap();
            let (mut farthest, mut compared) = (0.0_f64, 0);
            for (text, scores) in documents.iter().zip(scores.as_array().unwrap()) {
                for (label, share) in scores.as_object().unwrap() {
                    let found = model.probability(text.as_str().unwrap(), label);
                    // The program's own exceed 1 by what it adds within logarithms.
                    farthest = farthest.max((found - share.as_f64().unwrap().min(1.0)).abs());
                    compared += 1;
                }
            }
            println!(
                "{name}: {compared} scores of {} documents, at most {farthest:.1e} apart",
                documents.len()
            );
            assert!(documents.len() == 500 && compared >= 1000 && farthest < 1e-5, "{name}: {farthest}");
        }
    }

    #[test]
    fn damaged_models_are_refused_or_harmless() {
        for quantised in [false, true] {
            let bytes = model(3, quantised);
            for length in 0..bytes.len().min(600) {
                assert!(parse(&bytes[..length]).is_err(), "{length}");
            }
            assert!(parse(&bytes[..bytes.len() - 1]).is_err());
            for place in 0..bytes.len().min(1200) {
                for value in [0, 1, 0x7f, 0xff] {
                    let mut wrong = bytes.clone();
                    wrong[place] = value;
                    parse(&wrong).ok().and_then(|model| model.predict(TEXTS[1]));
                }
            }
        }
    }
}
