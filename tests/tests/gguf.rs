//! Our GGUF files and those of the `gguf` package, which produces llama.cpp's quantised blocks byte for byte, have the same
//! contents to both.

use glasshouse_engine::formats::gguf::{Array, GgmlType, Gguf, Kind, Metadata, TensorInfo, Value, Writer};
use glasshouse_engine::graph::random;
use glasshouse_tests::{output_of, python};
use serde_json::{Value as Json, json};
use std::path::Path;

/// Entries of very different magnitudes, including zeros, ties and midpoints between two quantised values.
fn entries(count: usize) -> Vec<f32> {
    let draw = |stream, at| (random::nth(5, stream, at) >> 40) as f32 / 16_777_216.0;
    let entry = |at: usize| {
        let block = (at / 32) as u64;
        let magnitude = (24.0 * draw(1, block) - 16.0).exp2();
        let plain = (draw(0, at as u64) + draw(2, at as u64) - 1.0) * magnitude;
        match block % 9 {
            // The package writes a negative zero as the scale of a block that begins with one; llama.cpp does not.
            0 => 0.0,
            1 => (plain / magnitude * 8.0).round() / 4.0 + 0.0,
            2 if at.is_multiple_of(5) => magnitude,
            2 if at % 5 == 1 => -magnitude,
            3 => magnitude,
            _ => plain,
        }
    };
    (0..count).map(entry).collect()
}

fn write_ours(folder: &Path, entries: &[f32]) {
    let mut metadata = Metadata::new();
    metadata.push("general.architecture", "llama").unwrap();
    metadata.push("general.alignment", 64_u32).unwrap();
    metadata.push("ours.number", -5_i16).unwrap();
    metadata.push("ours.wide", u64::MAX).unwrap();
    metadata.push("ours.float", 0.25_f32).unwrap();
    metadata.push("ours.truth", true).unwrap();
    metadata.push("ours.tokens", Array::new(["a", "Käuze", ""])).unwrap();
    metadata.push("ours.scores", Array::new([1.5_f32, -2.0])).unwrap();
    let shape = vec![2, entries.len() / 512, 256];
    let written = GgmlType::ALL.into_iter().filter(|ty| ty.is_written());
    let infos: Vec<_> =
        written.map(|ty| TensorInfo { name: ty.name().into(), shape: shape.clone(), ty }).collect();
    let path = folder.join("ours.gguf");
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = Writer::begin(&path, file, &metadata, &infos).unwrap();
    while writer.next().is_some() {
        writer.write(entries).unwrap();
    }
    writer.finish().unwrap();
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    std::fs::write(folder.join("entries.bin"), bytes).unwrap();
}

fn read_theirs(folder: &Path) {
    let path = folder.join("theirs.gguf");
    let bytes = std::fs::read(&path).unwrap();
    let file = Gguf::read(&path, &bytes).unwrap();
    let value = |key: &str| file.metadata().get(&format!("kinds.{key}")).unwrap().clone();
    assert_eq!(value("u8"), Value::U8(200));
    assert_eq!(value("i8"), Value::I8(-100));
    assert_eq!(value("u16"), Value::U16(60_000));
    assert_eq!(value("i16"), Value::I16(-30_000));
    assert_eq!(value("u32"), Value::U32(4_000_000_000));
    assert_eq!(value("i32"), Value::I32(-2_000_000_000));
    assert_eq!(value("u64"), Value::U64(1 << 60));
    assert_eq!(value("i64"), Value::I64(-(1 << 60)));
    assert_eq!(value("f32"), Value::F32(0.1));
    assert_eq!(value("f64"), Value::F64(0.1));
    assert_eq!(value("bool"), Value::Bool(true));
    assert_eq!(value("string"), "Käuze".into());
    assert_eq!(value("strings"), Array::new(["a", "Ġb", ""]).into());
    assert_eq!(value("floats"), Array::new([0.5_f32, -1.5]).into());
    let nested = value("nested");
    let nested = nested.as_array().unwrap();
    assert_eq!((nested.kind(), nested.len()), (Kind::Array, 2));
    assert_eq!(file.tensors().len(), GgmlType::ALL.len());
    for (tensor, ty) in file.tensors().iter().zip(GgmlType::ALL) {
        assert_eq!((tensor.info.name.as_ref(), tensor.info.ty), (ty.name(), ty));
        assert_eq!(tensor.info.shape, [3, 2, 512]);
        let weights = tensor.floats();
        let expected = std::fs::read(folder.join(format!("{ty}.bin"))).unwrap();
        let (expected, _) = expected.as_chunks();
        for (ours, theirs) in weights.iter().zip(expected) {
            let theirs = f32::from_le_bytes(*theirs);
            assert!(
                ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan(),
                "{ty}: {ours} {theirs}"
            );
        }
    }
}

#[test]
fn python_gguf_agrees_on_files_and_quants() {
    let folder = tempfile::tempdir().unwrap();
    write_ours(folder.path(), &entries(1 << 19));
    let said: Json = serde_json::from_slice(&output_of(python("check_gguf.py").arg(folder.path()))).unwrap();
    assert_eq!(said["compared"], json!(["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]));
    let fields = json!({
        "general.architecture": "llama",
        "general.alignment": 64,
        "ours.number": -5,
        "ours.wide": u64::MAX,
        "ours.float": 0.25,
        "ours.truth": true,
        "ours.tokens": ["a", "Käuze", ""],
        "ours.scores": [1.5, -2.0],
    });
    assert_eq!(said["fields"], fields);
    read_theirs(folder.path());
}
