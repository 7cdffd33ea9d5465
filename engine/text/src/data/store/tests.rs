//! Writing, reading and damaging stores.

use super::*;
use glasshouse_platform::{block_on, given_up_after};

fn index(vocabulary: usize) -> Index {
    Index { vocabulary, documents: 1, ..Index::default() }
}

fn write(folder: &Path, vocabulary: usize, train: &[u32], validation: &[u32]) -> Index {
    let mut writer = Writer::with_shard_bytes(folder, vocabulary, 64);
    for part in train.chunks(7) {
        writer.append(Split::Train, None, part, 1).unwrap();
    }
    writer.append(Split::Validation, None, validation, 1).unwrap();
    writer.finish(index(vocabulary)).unwrap()
}

#[test]
fn what_is_written_is_read_across_shards() {
    for (vocabulary, top) in [(65_536, 65_535), (65_537, 65_536)] {
        let folder = tempfile::tempdir().unwrap();
        let train: Vec<u32> = (0..100).map(|token| top - token).collect();
        let written = write(folder.path(), vocabulary, &train, &[1, 2, 3]);
        assert_eq!(written.element_bytes, if vocabulary == 65_536 { 2 } else { 4 });
        assert_eq!(written.train.shards.len(), if vocabulary == 65_536 { 4 } else { 7 });
        let store = TokenStore::open(folder.path()).unwrap();
        assert_eq!((store.len(Split::Train), store.len(Split::Validation)), (100, 3));
        for start in 0..100 {
            for count in [0, 1, 20, 100 - start] {
                let end = (start + count).min(100);
                let tokens = store.read(Split::Train, start as u64, end - start).unwrap();
                assert_eq!(tokens, train[start..end]);
            }
        }
        assert_eq!(store.read(Split::Validation, 0, 3).unwrap(), [1, 2, 3]);
        assert!(store.read(Split::Validation, 1, 3).is_err());
        block_on(store.verify(folder.path(), &Yielder::none())).unwrap();
        let yielder = Yielder::at_every_chance();
        let verifying = store.verify(folder.path(), &yielder);
        assert!(!given_up_after(1, verifying), "others have their turn meanwhile");
    }
}

#[test]
fn an_empty_split_is_a_store_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 10, &[1], &[]);
    assert_eq!(TokenStore::open(folder.path()).unwrap().len(Split::Validation), 0);
}

fn damaged(damage: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 100, &(0..64).collect::<Vec<_>>(), &[1, 2]);
    damage(folder.path());
    let opened = TokenStore::open(folder.path())
        .and_then(|store| block_on(store.verify(folder.path(), &Yielder::none())));
    opened.unwrap_err().to_string()
}

/// As when a tool copies over it, or a disk is removed, while a run trains.
#[test]
fn a_shard_that_becomes_shorter_in_use_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 100, &(0..64).collect::<Vec<_>>(), &[1, 2]);
    let store = TokenStore::open(folder.path()).unwrap();
    std::fs::write(folder.path().join("train-00001.bin"), "cut").unwrap();
    let error = store.read(Split::Train, 0, 64).unwrap_err().to_string();
    assert!(error.contains("train-00001.bin: became shorter while it was in use"), "{error}");
    assert_eq!(store.read(Split::Train, 0, 4).unwrap(), [0, 1, 2, 3]);
}

#[test]
fn damage_is_found_and_named() {
    let truncated = damaged(|folder| {
        let shard = std::fs::OpenOptions::new().write(true).open(folder.join("train-00001.bin")).unwrap();
        shard.set_len(60).unwrap();
    });
    assert!(
        truncated.contains("train-00001.bin: the shard has 60 bytes, but index.json says 64"),
        "{truncated}"
    );
    let missing = damaged(|folder| std::fs::remove_file(folder.join("validation-00000.bin")).unwrap());
    assert!(missing.contains("validation-00000.bin"), "{missing}");
    let changed = damaged(|folder| {
        let path = folder.join("train-00000.bin");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[5] ^= 1;
        std::fs::write(path, bytes).unwrap();
    });
    assert!(changed.contains("train-00000.bin: the shard's checksum differs"), "{changed}");
    let edit = |from: &'static str, to: &'static str| {
        damaged(move |folder| {
            let path = folder.join(INDEX_FILE);
            // As written by older versions, without a checksum.
            let text = std::fs::read_to_string(&path).unwrap();
            let text = glasshouse_platform::storage::json_from_checked(&text).unwrap().unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        })
    };
    assert!(edit("\"format\": 1", "\"format\": 9").contains("has format 9, but this version reads 1"));
    assert!(edit("train-00000.bin", "../train-00000.bin").contains("not a plain file name"));
    assert!(edit("\"tokens\": 64", "\"tokens\": 65").contains("do not add up"));
    assert!(edit("{", "[").contains("the file is damaged"));
    let unsigned = damaged(|folder| {
        let path = folder.join(INDEX_FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replacen("train-00000.bin", "train-00001.bin", 1)).unwrap();
    });
    assert!(unsigned.contains("its checksum does not match its content"), "{unsigned}");
}
