//! Parquet files, valid and broken.

use super::*;
use crate::document::Kind;
use crate::read::module::Asked;
use crate::read::record::Context;
use crate::read::unpack::Counter;
use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;

fn properties(compression: Compression, version: WriterVersion, dictionary: bool) -> WriterProperties {
    // Without a dictionary, version 2 of the format uses delta encoding.
    WriterProperties::builder()
        .set_compression(compression)
        .set_writer_version(version)
        .set_dictionary_enabled(dictionary)
        .build()
}

#[test]
fn differences_of_all_widths_come_back() {
    let numbers: Vec<i64> =
        (0..2000_i64).map(|n| n.wrapping_mul(n).wrapping_mul(0x1e37_79b9_7f4a_7c15 >> (n % 64))).collect();
    let texts: Vec<String> = (0..2000).map(|n| format!("prefix {}{}", n / 100, "x".repeat(n % 37))).collect();
    for encoding in
        [::parquet::basic::Encoding::DELTA_BYTE_ARRAY, ::parquet::basic::Encoding::DELTA_LENGTH_BYTE_ARRAY]
    {
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_column_encoding("text".into(), encoding)
            .set_column_encoding("id".into(), ::parquet::basic::Encoding::DELTA_BINARY_PACKED)
            .build();
        let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            strings(group, &texts, None);
            column::<Int64Type>(group, &numbers, None);
        };
        let schema = "message m { required binary text (UTF8); required int64 id; }";
        let documents = read("t.parquet", file(schema, properties, &[&group]));
        assert_eq!(documents.len(), 2000);
        for (index, document) in documents.iter().enumerate() {
            assert_eq!(document.text, texts[index]);
            assert_eq!(document.id, format!("t.parquet#{}:{}", index + 1, numbers[index]));
        }
    }
}

/// Definition and repetition levels.
type Levels<'data> = Option<(&'data [i16], &'data [i16])>;

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    levels: Levels<'_>,
) {
    let mut column = group.next_column().unwrap().unwrap();
    let (definitions, repetitions) =
        levels.map_or((None, None), |(d, r)| (Some(d), (!r.is_empty()).then_some(r)));
    column.typed::<T>().write_batch(values, definitions, repetitions).unwrap();
    column.close().unwrap();
}

fn strings(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[&str], levels: Levels<'_>) {
    let values: Vec<ByteArray> = values.iter().map(|value| ByteArray::from(*value)).collect();
    column::<ByteArrayType>(group, &values, levels);
}

type Write<'data> = dyn Fn(&mut SerializedRowGroupWriter<'_, Vec<u8>>) + 'data;

fn file(schema: &str, properties: WriterProperties, groups: &[&Write<'_>]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for write in groups {
        let mut group = writer.next_row_group().unwrap();
        write(&mut group);
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

const FLAT: &str = "message m { required int64 id; optional binary text (UTF8); required int32 date (DATE); \
                    optional group metadata { optional binary url (UTF8); } optional double score; }";

fn flat(properties: WriterProperties) -> Vec<u8> {
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
        column::<Int64Type>(group, &[7, 8, 9], None);
        strings(group, &["one one one", "three"], Some((&[1, 0, 1], &[])));
        column::<Int32Type>(group, &[19_782, 0, -1], None);
        strings(group, &["http://a.b"], Some((&[2, 1, 0], &[])));
        column::<DoubleType>(group, &[], Some((&[0, 0, 0], &[])));
    };
    file(FLAT, properties, &[&group, &group])
}

const NESTED: &str = "message m { optional group messages (LIST) { repeated group list { optional group element { \
                      optional binary content (UTF8); optional binary role (UTF8); } } } \
                      optional group tags (LIST) { repeated group list { optional binary element (UTF8); } } }";

fn nested(properties: WriterProperties) -> Vec<u8> {
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
        strings(group, &["Hi", "Yo", "So"], Some((&[4, 4, 0, 1, 4, 3], &[0, 1, 0, 0, 0, 1])));
        strings(
            group,
            &["user", "assistant", "user", "tool"],
            Some((&[4, 4, 0, 1, 4, 4], &[0, 1, 0, 0, 0, 1])),
        );
        strings(group, &["a", "b"], Some((&[3, 2, 3, 0, 1, 0], &[0, 1, 1, 0, 0, 0])));
    };
    file(NESTED, properties, &[&group])
}

fn kinds() -> Vec<WriterProperties> {
    let packings = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::LZ4_RAW,
    ];
    let versions = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let mut kinds = Vec::new();
    for packing in packings {
        for version in versions {
            for dictionary in [false, true] {
                kinds.push(properties(packing, version, dictionary));
            }
        }
    }
    kinds
}

/// A file of row groups with two texts each.
pub(super) fn text_groups(groups: usize) -> Vec<u8> {
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| strings(group, &["a", "b"], None);
    let plain = properties(Compression::SNAPPY, WriterVersion::PARQUET_1_0, true);
    file("message m { required binary text (UTF8); }", plain, &vec![&group as &Write<'_>; groups])
}

#[test]
fn rows_are_records() {
    for properties in kinds() {
        let content = flat(properties);
        let (documents, troubles) = all("t.parquet", content);
        let ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["t.parquet#1:7", "t.parquet#3:9", "t.parquet#4:7", "t.parquet#6:9"]);
        assert_eq!((documents[0].text.as_str(), documents[1].text.as_str()), ("one one one", "three"));
        assert_eq!(documents[0].date.as_deref(), Some("2024-02-29"));
        assert_eq!(documents[1].date.as_deref(), Some("1969-12-31"));
        assert_eq!(documents[0].address.as_deref(), Some("http://a.b"));
        assert_eq!(troubles.len(), 2);
        assert_eq!(troubles[0].place, "t.parquet#2");
        assert!(troubles[0].reason.contains("`text` is missing"), "{troubles:?}");
    }
}

#[test]
fn lists_of_messages_are_conversations() {
    for properties in kinds() {
        let content = nested(properties);
        let (documents, troubles) = all("t.parquet", content);
        assert_eq!((documents.len(), troubles.len()), (2, 2), "{troubles:?}");
        assert_eq!((documents[0].text.as_str(), &documents[0].kind), ("Hi\n\nYo", &Kind::Conversation));
        let record = serde_json::json!({
            "messages": [{"content": "Hi", "role": "user"}, {"content": "Yo", "role": "assistant"}],
            "tags": ["a", null, "b"],
        });
        assert_eq!(documents[0].record.as_ref(), record.as_object());
        let record = serde_json::json!({
            "messages": [{"content": "So", "role": "user"}, {"content": null, "role": "tool"}], "tags": null,
        });
        assert_eq!(documents[1].record.as_ref(), record.as_object());
    }
}

#[test]
fn columns_of_text_are_asked_for() {
    let settings = Settings { text_field: Some("absent".into()), ..Settings::default() };
    says("t.parquet", text_groups(1), &settings, "has no column `absent` (its columns are `text`)");
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| strings(group, &["a"], None);
    let plain = properties(Compression::UNCOMPRESSED, WriterVersion::PARQUET_1_0, false);
    let content = file("message m { required binary body (UTF8); }", plain, &[&group]);
    says("t.parquet", &content, &Settings::default(), "has no column `text` (its columns are `body`)");
    let settings = Settings { text_field: Some("body".into()), ..Settings::default() };
    assert_eq!(read_with("t.parquet", content, &settings).len(), 1);
}

#[test]
fn lengths_that_lie_are_named() {
    let good = text_groups(1);
    let settings = Settings::default();
    let end = good.len();
    let mut lying = good.clone();
    lying[end - 8..end - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let (troubles, _) = wrong("t.parquet", &lying, &settings);
    assert!(
        troubles[0].contains("states 4294967295 bytes of metadata, more than the file has"),
        "{troubles:?}"
    );
    says("t.parquet", &good[..end - 1], &settings, "cut short");
    says("t.parquet", "PAR1PAR1", &settings, "too short");
    says("t.parquet", "text", &settings, "as its extension requires");
    // A page whose header states 64 MiB: field 2 of the first page header, which follows the type at byte 4.
    let at = good.windows(3).position(|bytes| bytes[0] == 0x15 && bytes[2] == 0x15).unwrap() + 3;
    let mut huge = good[..at].to_vec();
    huge.extend([0x80, 0x80, 0x80, 0x40]);
    huge.extend(&good[at + 1..]);
    let (troubles, texts) = wrong("t.parquet", &huge, &settings);
    assert!(texts.is_empty() && troubles[0].contains("cannot be read further: "), "{troubles:?}");
    // A record that is too long for a document is cut.
    let mut settings = small();
    settings.limits.record = 64 << 10;
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
        strings(group, &["a word ".repeat(5000).as_str()], None);
    };
    let plain = properties(Compression::SNAPPY, WriterVersion::PARQUET_1_0, false);
    let content = file("message m { required binary text (UTF8); }", plain, &[&group]);
    let (troubles, texts) = wrong("t.parquet", content, &settings);
    assert!(
        troubles.is_empty() && texts.len() == 9 && texts.concat().len() == 35_000,
        "{} {troubles:?}",
        texts.len()
    );
}

#[test]
fn one_entry_in_many_rows_is_given_up() {
    let text = "word ".repeat(800);
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
        let column = vec![text.as_str(); 20_000];
        strings(group, &column, None);
    };
    let packed = properties(Compression::SNAPPY, WriterVersion::PARQUET_1_0, true);
    let content = file("message m { required binary text (UTF8); }", packed, &[&group]);
    let (troubles, texts) = wrong("t.parquet", content, &small());
    assert!(texts.len() > 100 && texts.len() < 20_000, "{}", texts.len());
    assert!(troubles[0].contains("unpacks to more than 200 times its size"), "{troubles:?}");
}

#[test]
fn all_columns_count_towards_the_limits() {
    let schema = "message m { required binary text (UTF8); required binary note (UTF8); }";
    let packed = || properties(Compression::SNAPPY, WriterVersion::PARQUET_1_0, true);
    let long = "word ".repeat(800);
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
        strings(group, &vec!["A text."; 20_000], None);
        strings(group, &vec![long.as_str(); 20_000], None);
    };
    let (troubles, texts) = wrong("t.parquet", file(schema, packed(), &[&group]), &small());
    assert!(texts.len() > 100 && texts.len() < 20_000, "{}", texts.len());
    assert!(troubles[0].contains("unpacks to more than 200 times its size"), "{troubles:?}");
    let mut settings = small();
    settings.limits.record = 1 << 10;
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
        strings(group, &["One.", "Two."], None);
        strings(group, &[long.as_str(), "short"], None);
    };
    let said = says("t.parquet", file(schema, packed(), &[&group]), &settings, "raise reading.limits.record");
    assert_eq!(said, ["Two."]);
    // The text, too, as in other formats.
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| {
        strings(group, &[long.as_str(), "Two."], None);
        strings(group, &["short", "short"], None);
    };
    let lines = format!("{{\"text\": \"{long}\"}}\n{{\"text\": \"Two.\"}}\n");
    for (name, content) in [("t.parquet", file(schema, packed(), &[&group])), ("t.jsonl", lines.into_bytes())]
    {
        assert_eq!(says(name, content, &settings, "raise reading.limits.record"), ["Two."], "{name}");
    }
}

/// Reads a broken file to its end. A panic of the library becomes a trouble: `catch_unwind`, or a browser's module, confines it
/// to the file.
fn survives(content: &[u8]) {
    all("t.parquet", content);
}

#[test]
fn every_flipped_byte_is_survived() {
    for content in [
        flat(kinds().remove(3)),
        nested(kinds().remove(2)),
        nested(kinds().remove(5)),
        flat(kinds().remove(6)),
        text_groups(1),
    ] {
        for place in 4..content.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut broken = content.clone();
                broken[place] ^= bits;
                survives(&broken);
            }
        }
        for length in 0..content.len() {
            survives(&content[..length]);
        }
    }
}

thread_local! {
    static READINGS: std::cell::RefCell<Vec<Option<FileDocuments>>> = const { std::cell::RefCell::new(Vec::new()) };
}

const MODULE: Readers = Readers {
    begin: |name, question, file| {
        assert_eq!(name, "parquet");
        let documents = FileDocuments::new(question, file.to_vec())?;
        READINGS.with_borrow_mut(|readings| readings.push(Some(documents)));
        Ok(READINGS.with_borrow(|readings| readings.len() as u32 - 1))
    },
    next: |reading| {
        READINGS.with_borrow_mut(|readings| readings[reading as usize].as_mut().unwrap().next_lines())
    },
    end: |reading| READINGS.with_borrow_mut(|readings| readings[reading as usize] = None),
    page: |_, _| Err("no page is in here".to_owned()),
    guess: |_| Err("no encoding is in here".to_owned()),
    decode: |_, _| Err("no encoding is in here".to_owned()),
};

/// The items of one file, and the bytes counted as read.
fn items(files: &Memory, settings: &Settings) -> (Vec<Item>, u64) {
    let found = find(files, &["t.parquet".into()], settings);
    let progress = Arc::new(AtomicU64::new(0));
    let items = found.sources.iter().flat_map(|source| open(files, source, settings, &progress)).collect();
    (items, progress.load(Ordering::Relaxed))
}

#[test]
fn a_module_reads_what_the_program_itself_reads() {
    let plain = || properties(Compression::SNAPPY, WriterVersion::PARQUET_1_0, true);
    let long: Vec<String> = (0..3000).map(|n| format!("{n} {}", "words of a row ".repeat(60))).collect();
    let many = file(
        "message m { required binary text (UTF8); }",
        plain(),
        &[&|group| {
            let texts: Vec<&str> = long.iter().map(String::as_str).collect();
            strings(group, &texts, None);
        }],
    );
    let mut cut = flat(plain());
    cut.truncate(cut.len() / 2);
    let mut broken = many.clone();
    broken[40..60].fill(0xff);
    for content in [flat(plain()), nested(plain()), many, cut, broken] {
        for settings in [Settings::default(), small()] {
            let memory = || Memory::default().with("t.parquet", &content);
            let (expected, read) = items(&memory(), &settings);
            assert!(!expected.is_empty());
            let elsewhere = Memory { readers: Some(MODULE), ..memory() };
            assert_eq!(items(&elsewhere, &settings), (expected, read));
        }
    }
    assert!(READINGS.with_borrow(|readings| readings.iter().all(Option::is_none)), "every reading was ended");
}

#[test]
fn a_module_that_is_not_to_be_had_is_told() {
    let module = Readers { begin: |_, _, _| Err("its reader could not be loaded".to_owned()), ..MODULE };
    let context = Context::new(source("t.parquet"), Settings::default());
    let file: Box<dyn Input> = Box::new(io::Cursor::new(text_groups(1)));
    let counter = Arc::new(Counter::new(Arc::default(), 10));
    let trouble = Asked::new(module, "parquet", context, file, &counter).err().unwrap();
    assert_eq!(
        (trouble.place.as_str(), trouble.reason.as_str()),
        ("t.parquet", "its reader could not be loaded")
    );
}

fn source(name: &str) -> Source {
    let memory = Memory::default().with(name, text_groups(1));
    find(&memory, &[name.into()], &Settings::default()).sources.remove(0)
}

/// A file with one page of the same letter, packed.
fn one_page(packing: Compression, length: usize) -> Vec<u8> {
    let text = "a".repeat(length);
    let group = |group: &mut SerializedRowGroupWriter<'_, Vec<u8>>| strings(group, &[&text], None);
    let properties = properties(packing, WriterVersion::PARQUET_1_0, false);
    file("message m { required binary text (UTF8); }", properties, &[&group])
}

#[test]
fn pages_are_measured_before_they_are_unpacked() {
    for packing in
        [Compression::GZIP(Default::default()), Compression::SNAPPY, Compression::ZSTD(Default::default())]
    {
        let mut settings = small();
        (settings.limits.record, settings.limits.expansion) = (4 << 20, 10);
        let bomb = one_page(packing, 4 << 20);
        assert_eq!(says("t.parquet", &bomb, &settings, "more than 10 times its size"), [""; 0]);
        settings.limits.expansion = 1 << 20;
        assert_eq!(wrong("t.parquet", &bomb, &settings).1.concat().len(), 4 << 20);
        settings.limits.page = 4 << 20;
        assert_eq!(says("t.parquet", &bomb, &settings, "has a page of more than 4 MiB"), [""; 0]);
    }
    // A header that states less than the page unpacks to.
    let mut lying = one_page(Compression::GZIP(Default::default()), 1 << 20);
    let at = lying.iter().position(|byte| *byte == 0x15).unwrap() + 3;
    assert_eq!(lying[at..at + 4], [0x88, 0x80, 0x80, 0x01], "twice the length, with the length of the text");
    lying[at..at + 4].copy_from_slice(&[0x88, 0x80, 0x80, 0x00]);
    says("t.parquet", &lying, &Settings::default(), "a page unpacks to more than its header states");
}
