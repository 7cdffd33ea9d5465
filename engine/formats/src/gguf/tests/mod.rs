mod blocks;
mod hostile;
mod properties;

use super::*;
use std::path::Path;

/// A file in memory with these keys and tensors.
fn file(metadata: &Metadata<'_>, tensors: &[(TensorInfo<'static>, Vec<f32>)]) -> Vec<u8> {
    let infos: Vec<_> = tensors.iter().map(|(info, _)| info.clone()).collect();
    let mut writer = Writer::begin(Path::new("m.gguf"), Vec::new(), metadata, &infos).unwrap();
    for (info, entries) in tensors {
        assert_eq!(writer.next(), Some(info));
        // One row at a time.
        for row in entries.chunks(info.columns()) {
            writer.write(row).unwrap();
        }
    }
    assert_eq!(writer.next(), None);
    let bytes = writer.finish().unwrap();
    assert_eq!(bytes.len() as u64, size(metadata, &infos).unwrap());
    bytes
}

fn read(bytes: &[u8]) -> glasshouse_platform::Result<Gguf<'_>> {
    Gguf::read(Path::new("m.gguf"), bytes)
}

fn info(name: &'static str, shape: &[usize], ty: GgmlType) -> TensorInfo<'static> {
    TensorInfo { name: name.into(), shape: shape.to_vec(), ty }
}

/// A writer that is full after some bytes.
struct Room(usize);

impl std::io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        match taken {
            0 if !bytes.is_empty() => Err(std::io::ErrorKind::StorageFull.into()),
            _ => Ok(taken),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_is_full_at_any_byte_is_an_error() {
    let mut metadata = Metadata::new();
    metadata.push("a.b", "words").unwrap();
    let tensors = [
        (info("t", &[3, 32], GgmlType::Q8_0), vec![0.5; 96]),
        (info("u", &[5], GgmlType::F32), vec![-1.0; 5]),
    ];
    let (whole, infos) = (file(&metadata, &tensors).len(), tensors.clone().map(|(info, _)| info));
    for room in 0..=whole {
        let write = || {
            let mut writer = Writer::begin(Path::new("m.gguf"), Room(room), &metadata, &infos)?;
            tensors.iter().try_for_each(|(_, entries)| writer.write(entries))?;
            writer.finish()
        };
        match write() {
            Ok(_) => assert_eq!(room, whole),
            Err(glasshouse_platform::Error::Io { path, cause }) => {
                assert_eq!(
                    (path.as_path(), cause.kind()),
                    (Path::new("m.gguf"), std::io::ErrorKind::StorageFull)
                );
                assert!(room < whole);
            }
            Err(other) => panic!("{room} of {whole}: {other}"),
        }
    }
}

#[test]
fn the_bytes_of_a_small_file() {
    let mut metadata = Metadata::new();
    metadata.push("a.b", 7_u32).unwrap();
    metadata.push("a.list", Array::new(["x", "yz"])).unwrap();
    let bytes = file(&metadata, &[(info("t", &[1, 2], GgmlType::F32), vec![1.0, -2.0])]);
    let mut expected = b"GGUF".to_vec();
    let numbers = |expected: &mut Vec<u8>, numbers: &[u64]| {
        expected.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    };
    expected.extend(3_u32.to_le_bytes());
    numbers(&mut expected, &[1, 2, 3]);
    expected.extend(b"a.b\x04\0\0\0\x07\0\0\0");
    numbers(&mut expected, &[6]);
    expected.extend(b"a.list\x09\0\0\0\x08\0\0\0");
    numbers(&mut expected, &[2, 1]);
    expected.extend(b"x");
    numbers(&mut expected, &[2]);
    expected.extend(b"yz");
    numbers(&mut expected, &[1]);
    expected.extend(b"t\x02\0\0\0");
    // The fastest dimension first, the type F32, the offset.
    numbers(&mut expected, &[2, 1]);
    expected.extend([0; 4]);
    numbers(&mut expected, &[0]);
    expected.resize(expected.len().next_multiple_of(32), 0);
    expected.extend(1.0_f32.to_le_bytes());
    expected.extend((-2.0_f32).to_le_bytes());
    expected.resize(expected.len().next_multiple_of(32), 0);
    assert_eq!(bytes, expected);
}

#[test]
fn keys_are_found_by_what_is_expected_of_them() {
    let mut metadata = Metadata::new();
    metadata.push("general.architecture", "llama").unwrap();
    metadata.push("llama.block_count", 12_u16).unwrap();
    metadata.push("llama.rope.freq_base", 10_000.0_f32).unwrap();
    metadata.push("below", -1_i32).unwrap();
    metadata.push("tokenizer.ggml.add_bos_token", true).unwrap();
    metadata.push("tokenizer.ggml.tokens", Array::new(["a", "Ġb"])).unwrap();
    metadata.push("nested", Array::new([Array::new([1_u8]), Array::new([2_u8, 3])])).unwrap();
    assert!(metadata.push("below", 1_i32).unwrap_err().contains("below"));
    let bytes = file(&metadata, &[]);
    let file = read(&bytes).unwrap();
    let file = file.metadata();
    assert_eq!(file.text("general.architecture").unwrap(), Some("llama"));
    assert_eq!(file.count("llama.block_count").unwrap(), Some(12));
    assert_eq!(file.float("llama.rope.freq_base").unwrap(), Some(10_000.0));
    assert_eq!(file.flag("tokenizer.ggml.add_bos_token").unwrap(), Some(true));
    let tokens = file.array("tokenizer.ggml.tokens").unwrap().unwrap();
    assert_eq!(tokens.strings().unwrap().collect::<Vec<_>>(), ["a", "Ġb"]);
    let nested = file.array("nested").unwrap().unwrap();
    let lengths: Vec<_> = nested.items().map(|item| item.as_array().unwrap().len()).collect();
    assert_eq!((nested.kind(), lengths), (Kind::Array, vec![1, 2]));
    assert_eq!(file.count("llama.head_count").unwrap(), None);
    for (error, expected) in [
        (file.count("below").unwrap_err(), "metadata below: expected a non-negative whole number, found I32"),
        (file.text("llama.block_count").unwrap_err(), "metadata llama.block_count: expected a string"),
        (
            file.float("general.architecture").unwrap_err(),
            "metadata general.architecture: expected a floating-point",
        ),
    ] {
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let refused = |info: TensorInfo<'static>| size(&Metadata::new(), &[info]).unwrap_err().to_string();
    for (wrong, expected) in [
        (
            info("t", &[2, 33], GgmlType::Q4_0),
            "tensor t: its rows of 33 are not a multiple of the Q4_0 block size, 32",
        ),
        (info("t", &[2, 0], GgmlType::F32), "tensor t: its shape [2, 0] is empty"),
        (info("t", &[], GgmlType::F32), "tensor t: it has 0 dimensions; 1 to 4 are allowed"),
        (info("t", &[usize::MAX, 4], GgmlType::F32), "tensor t: its shape"),
    ] {
        assert!(refused(wrong).starts_with(expected));
    }
    let infos = [info("t", &[2, 32], GgmlType::Q4_0), info("t", &[1], GgmlType::F32)];
    assert!(
        size(&Metadata::new(), &infos).unwrap_err().to_string().contains("tensor t: the name occurs twice")
    );
    let mut writer = Writer::begin(Path::new("m"), Vec::new(), &Metadata::new(), &infos[..1]).unwrap();
    assert!(writer.write(&[0.0; 16]).is_err(), "half a block");
    assert!(writer.write(&[0.0; 96]).is_err(), "more than there is room for");
    assert!(writer.write_blocks(&[0; 3 * 18]).is_err(), "more than there is room for");
    writer.write_blocks(&[0; 18]).unwrap();
    assert!(writer.finish().unwrap_err().to_string().contains("32 entries of t were not written"));
}

#[test]
fn narrow_rows_are_stored_as_llama_cpp_does() {
    for (ty, columns, expected) in [
        (GgmlType::Q6_K, 512, GgmlType::Q6_K),
        (GgmlType::Q6_K, 576, GgmlType::Q8_0),
        (GgmlType::Q6_K, 48, GgmlType::F16),
        (GgmlType::Q4_0, 576, GgmlType::Q4_0),
        (GgmlType::Q4_0, 48, GgmlType::F16),
        (GgmlType::F32, 3, GgmlType::F32),
    ] {
        assert_eq!(ty.for_columns(columns), expected, "{ty} {columns}");
    }
}

/// The head says where every tensor lies; nothing else of the file is read for that.
#[test]
fn the_head_is_read_without_the_weights() {
    let mut metadata = Metadata::new();
    metadata.push("a.b", "words").unwrap();
    let tensors = [
        (info("t", &[3, 32], GgmlType::Q8_0), vec![0.5; 96]),
        (info("u", &[5], GgmlType::F32), vec![-1.0; 5]),
    ];
    let bytes = file(&metadata, &tensors);
    let whole = read(&bytes).unwrap();
    let end = whole.tensors()[0].place.start;
    let head = Gguf::parse(Path::new("m.gguf"), &bytes[..end], bytes.len() as u64).unwrap();
    for (one, other) in head.tensors().iter().zip(whole.tensors()) {
        assert_eq!((&one.info, &one.place), (&other.info, &other.place));
        assert!(one.bytes().is_empty() && &bytes[one.place.clone()] == other.bytes());
    }
    // A file that is shorter than its head says, and a head that is cut.
    let short = Gguf::parse(Path::new("m.gguf"), &bytes[..end], bytes.len() as u64 - 32);
    assert!(short.unwrap_err().contains("truncated"));
    assert!(Gguf::parse(Path::new("m.gguf"), &bytes[..end - 64], bytes.len() as u64).is_err());
}
