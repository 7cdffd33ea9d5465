//! Writes TensorBoard event files by hand: the format is a few nested protobuf messages in a checksummed frame, and the crates
//! that write it bring a protobuf compiler along.
//!
//! A record is its length (u64), the length's masked crc32c, the bytes of an `Event` message, and their masked crc32c, all
//! little-endian (TensorFlow's `record_writer.h`; fields as numbered in `event.proto` and `summary.proto`).

use glasshouse_platform::files;
use glasshouse_platform::files::{File, OpenOptions};
use glasshouse_platform::{Error, Result, storage};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

pub struct TensorboardWriter {
    path: PathBuf,
    output: BufWriter<File>,
}

impl TensorboardWriter {
    /// Creates a new event file in a folder, which is created if missing. For a resumed run, `resumed_after` is the last step
    /// kept; readers ignore later steps in older files.
    pub fn open(folder: &Path, resumed_after: Option<u64>) -> Result<Self> {
        storage::create_folder(folder)?;
        let now = storage::unix_seconds();
        let path = next_path(folder, now as u64)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(Error::io(&path))?;
        storage::sync_folder_of(&path);
        let mut writer = Self { path, output: BufWriter::new(file) };
        writer.record(&event(now, 0, 3, b"brain.Event:2"))?;
        if let Some(step) = resumed_after {
            // Event.session_log with SessionLog.status = START: older files are void from this step on.
            let mut session = Vec::new();
            put_key(&mut session, 1, VARINT);
            put_varint(&mut session, 1);
            writer.record(&event(now, step + 1, 7, &session))?;
        }
        Ok(writer)
    }

    pub fn scalars(&mut self, step: u64, scalars: &[(&str, f32)]) -> Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let mut entry = Vec::new();
            put_bytes(&mut entry, 1, tag.as_bytes());
            put_key(&mut entry, 2, FIXED32);
            entry.extend_from_slice(&value.to_le_bytes());
            put_bytes(&mut summary, 1, &entry);
        }
        self.record(&event(storage::unix_seconds(), step, 5, &summary))
    }

    /// Appends a text of a step for TensorBoard's text plugin: a tensor of one string (`tensor.proto`, `plugins/text/metadata.py`).
    pub fn text(&mut self, step: u64, tag: &str, text: &str) -> Result<()> {
        let (mut plugin, mut metadata, mut size, mut shape) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        put_bytes(&mut plugin, 1, b"text");
        put_bytes(&mut metadata, 1, &plugin);
        put_key(&mut size, 1, VARINT);
        put_varint(&mut size, 1);
        put_bytes(&mut shape, 2, &size);
        let mut tensor = Vec::new();
        put_key(&mut tensor, 1, VARINT);
        put_varint(&mut tensor, STRING);
        put_bytes(&mut tensor, 2, &shape);
        put_bytes(&mut tensor, 8, text.as_bytes());
        let (mut entry, mut summary) = (Vec::new(), Vec::new());
        put_bytes(&mut entry, 1, tag.as_bytes());
        put_bytes(&mut entry, 8, &tensor);
        put_bytes(&mut entry, 9, &metadata);
        put_bytes(&mut summary, 1, &entry);
        self.record(&event(storage::unix_seconds(), step, 5, &summary))
    }

    /// Flushes buffers to the operating system, so that a running TensorBoard shows the data.
    pub fn flush(&mut self) -> Result<()> {
        self.output.flush().map_err(Error::io(&self.path))
    }

    /// Flushes and syncs the file to disk.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.output.get_ref().sync_all().map_err(Error::io(&self.path))
    }

    fn record(&mut self, data: &[u8]) -> Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        let parts = [&length[..], &masked_crc32c(&length), data, &masked_crc32c(data)];
        parts.iter().try_for_each(|part| self.output.write_all(part)).map_err(Error::io(&self.path))
    }
}

/// A name that sorts after all existing ones: readers process a folder's files in name order.
fn next_path(folder: &Path, now: u64) -> Result<PathBuf> {
    let (mut latest, mut count) = (now, 0);
    for entry in files::read_dir(folder).map_err(Error::io(folder))? {
        let name = entry.map_err(Error::io(folder))?.file_name();
        let mut parts = name.to_str().unwrap_or_default().split('.').skip(3);
        if let Some(Ok(seconds)) = parts.next().map(str::parse) {
            count += 1;
            latest = latest.max(seconds);
        }
    }
    Ok(folder.join(format!("events.out.tfevents.{latest:010}.{count:04}.glasshouse")))
}

/// crc32c, rotated and offset so that checksums of data containing checksums stay reliable.
fn masked_crc32c(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;
/// `DT_STRING` of `types.proto`.
const STRING: u64 = 7;

/// An `Event` with its time, its step and one field of bytes.
fn event(seconds: f64, step: u64, field: u64, bytes: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(bytes.len() + 32);
    put_key(&mut event, 1, FIXED64);
    event.extend_from_slice(&seconds.to_le_bytes());
    put_key(&mut event, 2, VARINT);
    put_varint(&mut event, step);
    put_bytes(&mut event, field, bytes);
    event
}

fn put_key(message: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_varint(message, field << 3 | wire_type);
}

fn put_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_key(message, field, LENGTH);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// Seven bits per byte, lowest first; the top bit marks continuation.
fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_masked_as_tensorflow_does_it() {
        // From TensorFlow's crc32c_test.cc: crc32c of 32 zero bytes is 0x8a9136aa; the mask is its Mask().
        let expected = 0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked_crc32c(&[0; 32]), expected.to_le_bytes());
    }

    #[test]
    fn a_scalar_is_framed_as_documented() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TensorboardWriter::open(folder.path(), None).unwrap();
        writer.scalars(300, &[("loss/train", 1.5)]).unwrap();
        writer.flush().unwrap();
        let bytes = std::fs::read(&writer.path).unwrap();
        // Two records: the version's event of 9 + 2 + 15 bytes and the scalar's, each framed by 16 bytes.
        assert_eq!(bytes[..8], 26_u64.to_le_bytes());
        assert_eq!(&bytes[12 + 13..12 + 26], b"brain.Event:2");
        let second = &bytes[26 + 16..];
        let data = &second[12..second.len() - 4];
        assert_eq!(second[..8], (data.len() as u64).to_le_bytes());
        assert_eq!(second[second.len() - 4..], masked_crc32c(data));
        let summary = [
            &[0x10, 0xac, 0x02, 0x2a, 19, 0x0a, 17, 0x0a, 10][..],
            b"loss/train",
            &[0x15],
            &1.5_f32.to_le_bytes(),
        ];
        assert_eq!(data[9..], summary.concat());
    }

    #[test]
    fn a_text_is_a_tensor_of_one_string() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = TensorboardWriter::open(folder.path(), None).unwrap();
        writer.text(2, "guard/plateau", "Neither loss").unwrap();
        writer.flush().unwrap();
        let bytes = std::fs::read(&writer.path).unwrap();
        let data = &bytes[26 + 16 + 12..bytes.len() - 4];
        // Summary.Value: tag, tensor (DT_STRING, shape [1], the string), then metadata with plugin `text`.
        let tensor = [&[0x08, 7, 0x12, 4, 0x12, 2, 0x08, 1, 0x42, 12][..], b"Neither loss"].concat();
        let metadata = [&[0x0a, 6, 0x0a, 4][..], b"text"].concat();
        let value = [
            &[0x0a, 13][..],
            b"guard/plateau",
            &[0x42, tensor.len() as u8],
            &tensor,
            &[0x4a, metadata.len() as u8],
            &metadata,
        ]
        .concat();
        let summary = [&[0x10, 2, 0x2a, value.len() as u8 + 2, 0x0a, value.len() as u8][..], &value].concat();
        assert_eq!(data[9..], summary);
    }

    #[test]
    fn later_files_sort_after_earlier_ones() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> =
            (0..3).map(|_| TensorboardWriter::open(folder.path(), None).unwrap().path).collect();
        assert!(paths.is_sorted() && paths[0] != paths[1]);
        assert!(next_path(folder.path(), 5).unwrap() > paths[2]);
    }
}
