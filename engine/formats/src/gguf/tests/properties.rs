//! Files of every kind survive a round trip, and for damaged files, nothing is read out of bounds.

use super::*;
use proptest::prelude::*;

fn scalar() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        any::<u8>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<u16>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(|number| Value::from(f32::from(number) / 8.0)),
        any::<i16>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        any::<bool>().prop_map(Value::from),
        "\\PC{0,9}".prop_map(Value::from),
    ]
}

fn list() -> impl Strategy<Value = Array<'static>> {
    let words = proptest::collection::vec("\\PC{0,5}", 0..5);
    let flat = prop_oneof![
        proptest::collection::vec(any::<i32>(), 0..5).prop_map(Array::new),
        proptest::collection::vec(any::<u8>(), 0..5).prop_map(Array::new),
        proptest::collection::vec(any::<bool>(), 0..5).prop_map(Array::new),
        words.prop_map(|words: Vec<String>| Array::new(words.iter().map(String::as_str))),
    ];
    flat.prop_recursive(3, 12, 3, |inner| proptest::collection::vec(inner, 0..3).prop_map(Array::new))
}

fn metadata() -> impl Strategy<Value = Metadata<'static>> {
    let value = prop_oneof![3 => scalar(), 1 => list().prop_map(Value::from)];
    proptest::collection::btree_map("[a-z]{1,4}\\.[a-z_]{1,6}", value, 0..6).prop_map(|entries| {
        let mut metadata = Metadata::new();
        for (key, value) in entries {
            metadata.push(key, value).unwrap();
        }
        metadata
    })
}

fn tensors() -> impl Strategy<Value = Vec<(TensorInfo<'static>, Vec<f32>)>> {
    let written: Vec<_> = GgmlType::ALL.into_iter().filter(|ty| ty.is_written()).collect();
    let tensor =
        (proptest::sample::select(written), proptest::collection::vec(1_usize..4, 1..=4), any::<u32>());
    proptest::collection::btree_map("[a-z]{1,6}", tensor, 0..4).prop_map(|tensors| {
        let made = |(name, (ty, mut shape, seed)): (String, (GgmlType, Vec<usize>, u32))| {
            *shape.last_mut().unwrap() *= ty.block();
            let count = shape.iter().product();
            let draw = |at: usize| (seed.wrapping_add(at as u32).wrapping_mul(2_654_435_769) >> 8) as f32;
            let entries = (0..count).map(|at| draw(at) / 1e7 - 0.5).collect();
            (TensorInfo { name: name.into(), shape, ty }, entries)
        };
        tensors.into_iter().map(made).collect()
    })
}

/// A modification of a file.
#[derive(Clone, Debug)]
enum Harm {
    Byte(proptest::sample::Index, u8),
    /// Changes a count, size or offset.
    Count(proptest::sample::Index, u64),
    Cut(proptest::sample::Index),
    Remove(proptest::sample::Index, usize),
    Repeat(proptest::sample::Index, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let place = || any::<proptest::sample::Index>();
    let odd = prop_oneof![
        (0_u32..64, -2_i64..3).prop_map(|(bit, by)| (1_u64 << bit).wrapping_add_signed(by)),
        Just(u64::MAX),
        0_u64..300,
    ];
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, value)| Harm::Byte(at, value)),
        4 => (place(), odd).prop_map(|(at, value)| Harm::Count(at, value)),
        1 => place().prop_map(Harm::Cut),
        1 => (place(), 1_usize..40).prop_map(|(at, count)| Harm::Remove(at, count)),
        1 => (place(), 1_usize..40).prop_map(|(at, count)| Harm::Repeat(at, count)),
    ]
}

/// The head is modified most often.
fn apply(bytes: &mut Vec<u8>, harm: &Harm) {
    if bytes.is_empty() {
        return;
    }
    match harm {
        Harm::Byte(at, value) => {
            let at = at.index(bytes.len().min(400));
            bytes[at] = *value;
        }
        Harm::Count(at, value) => {
            let at = at.index(bytes.len().min(400));
            let end = bytes.len().min(at + 8);
            bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        Harm::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Harm::Remove(at, count) => {
            let at = at.index(bytes.len());
            bytes.drain(at..bytes.len().min(at + count));
        }
        Harm::Repeat(at, count) => {
            let at = at.index(bytes.len());
            let part = bytes[at..bytes.len().min(at + count)].to_vec();
            bytes.splice(at..at, part);
        }
    }
}

/// Visits all of a value; returns the number of its parts.
fn walk(value: &Value<'_>) -> usize {
    let Some(array) = value.as_array() else { return 1 };
    assert_eq!(array.items().count(), array.len());
    array.items().map(|item| walk(&item)).sum()
}

proptest! {
    #[test]
    fn what_is_written_is_read(metadata in metadata(), tensors in tensors()) {
        let bytes = file(&metadata, &tensors);
        let file = read(&bytes).unwrap();
        prop_assert_eq!(file.metadata().entries(), metadata.entries());
        prop_assert_eq!(file.tensors().len(), tensors.len());
        for (info, entries) in &tensors {
            let tensor = file.tensor(&info.name).unwrap();
            prop_assert_eq!(&tensor.info, info);
            let mut expected = Vec::new();
            quantise(info.ty, entries, &mut expected);
            prop_assert_eq!(tensor.bytes(), &expected[..]);
        }
    }

    #[test]
    fn a_harmed_file_is_refused_or_lies_within_its_bytes(
        metadata in metadata(),
        tensors in tensors(),
        harms in proptest::collection::vec(harm(), 1..4),
    ) {
        let mut bytes = file(&metadata, &tensors);
        for harm in &harms {
            apply(&mut bytes, harm);
        }
        let Ok(file) = read(&bytes) else { return Ok(()) };
        let values: usize = file.metadata().entries().iter().map(|(_, value)| walk(value)).sum();
        prop_assert!(values <= bytes.len());
        let mut weights_bytes = 0;
        for tensor in file.tensors() {
            weights_bytes += tensor.bytes().len();
            prop_assert_eq!(tensor.floats().len(), tensor.info.rows() * tensor.info.columns());
        }
        prop_assert!(weights_bytes <= bytes.len());
    }
}
