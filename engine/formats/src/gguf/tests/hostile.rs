//! Files with false claims.

use super::*;

/// A head with these numbers of tensors and keys, followed by `rest`.
fn head(tensors: u64, keys: u64, rest: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(keys.to_le_bytes());
    bytes.extend(rest.concat());
    bytes
}

fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text].concat()
}

/// A key with the head of an array.
fn array(key: &str, kind: Kind, count: u64) -> Vec<u8> {
    let numbers = [Kind::Array as u32, kind as u32].map(u32::to_le_bytes).concat();
    [string(key.as_bytes()), numbers, count.to_le_bytes().to_vec()].concat()
}

fn tensor(name: &str, shape: &[u64], ty: u32, offset: u64) -> Vec<u8> {
    let mut bytes = string(name.as_bytes());
    bytes.extend((shape.len() as u32).to_le_bytes());
    bytes.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
    bytes.extend(ty.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

fn refused(bytes: &[u8], expected: &str) {
    let error = read(bytes).unwrap_err().to_string();
    assert!(error.starts_with("m.gguf: ") && error.contains(expected), "{error}");
}

#[test]
fn a_file_of_another_format_or_version() {
    refused(b"", "not a GGUF file");
    refused(b"ggml----------------", "not a GGUF file");
    refused(b"GGUF\x03\0", "4 bytes should follow byte 4, but only 2 are left");
    refused(b"GGUF\x01\0\0\0\0\0\0\0\0\0\0\0", "its GGUF version is 1; 2 to 3 are supported");
    refused(b"GGUF garbage", "it is damaged, or of a GGUF version after 3");
    refused(b"GGUF\0\0\0\x03\0\0\0\0\0\0\0\0", "big-endian");
    let mut older = head(0, 0, &[]);
    older[4] = 2;
    assert!(read(&older).is_ok());
}

#[test]
fn counts_that_no_file_has() {
    for count in [1, 100_000, 1 << 63, u64::MAX] {
        refused(&head(0, count, &[]), &format!("{count} metadata keys"));
        refused(&head(count, 0, &[]), &format!("{count} tensors"));
        refused(&head(0, 1, &[&array("k", Kind::U64, count)]), &format!("metadata k: {count} items"));
        refused(&head(0, 1, &[&array("k", Kind::String, count)]), &format!("metadata k: {count} items"));
    }
    let much = vec![0; 100_000 * 13];
    refused(&head(0, 100_000, &[&much]), "it has 100000 metadata keys; at most 65536");
    let text = [&string(b"k")[..], &8_u32.to_le_bytes(), &u64::MAX.to_le_bytes()].concat();
    refused(&head(0, 1, &[&text]), "metadata k: 18446744073709551615 bytes");
}

#[test]
fn values_that_are_none() {
    let entry = |kind: u32, value: &[u8]| [&string(b"k")[..], &kind.to_le_bytes(), value].concat();
    refused(&head(0, 1, &[&entry(13, &[0; 8])]), "metadata k: its kind is 13");
    refused(&head(0, 1, &[&entry(7, &[2; 8])]), "metadata k: a boolean is 2");
    refused(&head(0, 1, &[&entry(8, &string(b"\xff\xfe"))]), "metadata k: the string of 2 bytes");
    refused(&head(0, 1, &[&array("k", Kind::Bool, 2), &[1, 9]]), "metadata k: item 1: a boolean is 9");
    refused(&head(0, 2, &[&entry(0, &[1]), &entry(0, &[1])]), "metadata k: the key occurs twice");
    let mut long = string(&vec![b'k'; 1 << 16]);
    long.extend(entry(0, &[1]));
    refused(&head(0, 1, &[&long]), "metadata key 0: it has 65536 bytes");
    for alignment in [0, 24] {
        let alignment =
            [&string(b"general.alignment")[..], &4_u32.to_le_bytes(), &u32::to_le_bytes(alignment)];
        refused(&head(0, 1, &alignment), "metadata general.alignment");
    }
}

#[test]
fn arrays_in_arrays_without_end() {
    let inner = [&9_u32.to_le_bytes()[..], &1_u64.to_le_bytes()].concat().repeat(100_000);
    let nested = [&string(b"k")[..], &9_u32.to_le_bytes(), &inner].concat();
    refused(&head(0, 1, &[&nested]), "arrays are nested deeper than 8");
}

#[test]
fn tensors_that_cannot_be() {
    let one = |shape: &[u64], ty, offset| head(1, 0, &[&tensor("t", shape, ty, offset), &[0; 200]]);
    refused(
        &one(&[4], 21, 0),
        "tensor t: the quantization IQ3_S cannot be read; these can: F32, F16, BF16, Q4_0",
    );
    refused(&one(&[4], 77, 0), "tensor t: the quantization of number 77");
    refused(&one(&[], 0, 0), "tensor t: it has 0 dimensions");
    refused(&one(&[1, 1, 1, 1, 1], 0, 0), "tensor t: it has 5 dimensions");
    refused(&one(&[4, 0], 0, 0), "tensor t: its shape [0, 4] is empty");
    refused(&one(&[48], 2, 0), "tensor t: its rows of 48 are not a multiple of the Q4_0 block size");
    refused(&one(&[1 << 40, 1 << 40], 0, 0), "tensor t: ");
    refused(&one(&[u64::MAX, 2], 0, 0), "tensor t: ");
    refused(&one(&[4], 0, 8), "tensor t: its offset 8 is not a multiple of the alignment 32");
    refused(&one(&[4], 0, u64::MAX - 31), "tensor t: its 16 bytes from offset");
    refused(&one(&[1000], 0, 0), "tensor t: its 4000 bytes from offset 0 exceed the");
    let two = |name, offset| {
        let tensors = [tensor("t", &[16], 0, 0), tensor(name, &[16], 0, offset)].concat();
        head(2, 0, &[&tensors, &[0; 300]])
    };
    refused(&two("t", 64), "tensor t: the name occurs twice");
    refused(&two("u", 32), "tensor u: it shares bytes with tensor t");
    assert!(read(&two("u", 64)).is_ok());
}

#[test]
fn a_file_that_is_cut_off_anywhere() {
    let mut metadata = Metadata::new();
    metadata.push("k", Array::new(["a", "b"])).unwrap();
    let bytes = file(&metadata, &[(info("t", &[2, 32], GgmlType::F16), vec![0.5; 64])]);
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
    }
    assert!(read(&bytes).is_ok());
}
