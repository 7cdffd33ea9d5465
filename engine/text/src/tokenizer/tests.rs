//! Properties of every kind of tokenizer.

use super::cut::CutRule;
use super::*;
use glasshouse_platform::block_on;
use glasshouse_protocol::{PreTokenizerKind, TokenizerConfig, TokenizerKind};
use proptest::prelude::*;
use std::sync::LazyLock;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

pub(crate) const KINDS: [TokenizerKind; 5] = [
    TokenizerKind::Byte,
    TokenizerKind::Char,
    TokenizerKind::Bpe,
    TokenizerKind::WordPiece,
    TokenizerKind::Unigram,
];

pub(crate) fn config(kind: TokenizerKind, vocabulary: usize) -> TokenizerConfig {
    TokenizerConfig::new(kind, vocabulary)
}

pub(crate) fn try_train<T: AsRef<str>>(
    config: &TokenizerConfig,
    documents: impl IntoIterator<Item = T>,
) -> Result<Tokenizer> {
    block_on(Tokenizer::train(config, documents, &Yielder::none()))
}

pub(crate) fn train(kind: TokenizerKind, vocabulary: usize, documents: &[&str]) -> Tokenizer {
    try_train(&config(kind, vocabulary), documents).unwrap()
}

/// The text of a stream of tokens.
pub(super) fn streamed(mut stream: DecodeStream<&Tokenizer>, ids: &[u32]) -> String {
    let mut text: String = ids.iter().filter_map(|id| stream.push(*id)).collect();
    text.extend(stream.flush());
    text
}

/// Two documents with every character used in the random strings below.
fn documents() -> [String; 2] {
    let characters: String = ALPHABET.iter().collect();
    let prose = "The little fox didn't see the river. \"We've lost 12 red boats!\" he said.\n\n\tThey'll go home… ## now.\n";
    [prose.repeat(30), format!("{characters}{}", "An owl isn't a mouse, and 1234 isn't 56.  \r\n".repeat(20))]
}

/// Letters, marks, digits, punctuation, control characters and all kinds of white space.
const ALPHABET: &[char] = &[
    'a', 'b', 's', 't', 'l', 'é', '漢', '字', 'あ', '😀', '\u{301}', '\u{200d}', '0', '7', '½', '٣', '\'',
    '’', '"', '.', ',', '#', '…', '_', '<', '|', '>', '-', ' ', '\n', '\r', '\t', '\u{a0}', '\u{2028}',
    '\u{3000}', '\u{1c}', '\u{85}', '\0', '\u{feff}', 'e', 'n', 'd', 'o', 'f', 'x', 'v', 'r', 'm', 'T', 'h',
];

/// One of each kind, then one of each other pre-tokenizer.
static TOKENIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let documents = documents();
    let train = |config: TokenizerConfig| try_train(&config, &documents).unwrap();
    let kinds = KINDS.map(|kind| train(config(kind, 640)));
    let splits = PreTokenizerKind::ALL[1..].iter().flat_map(|pre_tokenizer| {
        [TokenizerKind::Bpe, TokenizerKind::WordPiece]
            .map(|kind| train(TokenizerConfig { pre_tokenizer: *pre_tokenizer, ..config(kind, 640) }))
    });
    kinds.into_iter().chain(splits).collect()
});

fn nasty() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => proptest::sample::select(ALPHABET).prop_map(String::from),
        3 => proptest::sample::select(&[" ", "  ", "\n", "\n\n", "\t ", "   "][..]).prop_map(str::to_owned),
        3 => proptest::sample::select(&["'s", "'ll", "'t x", "the", " fox", "12", "...", "##"][..])
            .prop_map(str::to_owned),
        1 => proptest::sample::select(&["<|endoftext|>", "<|endoftext", "endoftext|>"][..]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(part, 0..120).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn pieces_give_the_tokens_of_the_whole(text in nasty(), target in 1_usize..40) {
        for tokenizer in TOKENIZERS.iter() {
            let pieces = tokenizer.cut().pieces(&text, target);
            prop_assert_eq!(pieces.concat(), text.as_str());
            let whole = tokenizer.encode_alone(&text).unwrap();
            for encode in [Tokenizer::encode_alone, Tokenizer::encode_piece] {
                let piecewise: Vec<u32> = pieces.iter().flat_map(|piece| encode(tokenizer, piece).unwrap()).collect();
                prop_assert_eq!(&piecewise, &whole, "{:?}", tokenizer);
            }
        }
    }

    #[test]
    fn words_are_split_as_the_crate_splits_them(text in nasty()) {
        for tokenizer in TOKENIZERS.iter().filter(|tokenizer| tokenizer.words.is_some()) {
            let mut theirs = PreTokenizedString::from(text.as_str());
            tokenizer.inner.get_pre_tokenizer().unwrap().pre_tokenize(&mut theirs).unwrap();
            let theirs = theirs.get_splits(OffsetReferential::Original, OffsetType::Byte);
            let theirs: Vec<&str> = theirs.into_iter().map(|(_, (from, to), _)| &text[from..to]).collect();
            let own: Vec<&str> = tokenizer.words.as_ref().unwrap().split(&text).collect();
            prop_assert_eq!(own, theirs, "{:?}", tokenizer);
        }
    }

    #[test]
    fn text_survives_a_round_trip(text in nasty()) {
        for (kind, tokenizer) in KINDS.iter().zip(TOKENIZERS.iter()) {
            let tokens = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(tokenizer.decode(&tokens), text.as_str(), "{:?}", kind);
            prop_assert_eq!(tokenizer.inner.decode(&tokens, false).unwrap(), text.as_str(), "{:?}", kind);
            prop_assert_eq!(streamed(tokenizer.decode_stream(), &tokens), text.as_str(), "{:?}", kind);
        }
    }

    #[test]
    fn any_ids_decode_as_the_crate_decodes_them(draws in proptest::collection::vec(0_u32..100_000, 0..40)) {
        for (kind, tokenizer) in KINDS.iter().zip(TOKENIZERS.iter()) {
            let ids: Vec<u32> = draws.iter().map(|draw| draw % tokenizer.vocabulary_size() as u32).collect();
            let theirs = tokenizer.inner.decode(&ids, false).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids), theirs.as_str(), "{:?}", kind);
            prop_assert_eq!(streamed(tokenizer.decode_stream(), &ids), theirs, "{:?}", kind);
        }
    }

    #[test]
    fn damaged_files_are_refused_or_read(position in 0_usize..100_000, byte: u8, kind in 0_usize..5) {
        let mut bytes = TOKENIZERS[kind].to_json().unwrap().into_bytes();
        let position = position % bytes.len();
        bytes[position] = byte;
        if let Ok(tokenizer) = Tokenizer::from_bytes(&bytes) {
            let _ = tokenizer.encode("a fox").map(|tokens| tokenizer.decode(&tokens));
        }
        prop_assert!(Tokenizer::from_bytes(&bytes[..position]).is_err());
    }
}

#[test]
fn every_kind_knows_where_it_may_be_cut() {
    let rules: Vec<CutRule> = TOKENIZERS.iter().map(|tokenizer| tokenizer.cut().rule).collect();
    let words = CutRule::BeforeWhitespace;
    assert_eq!(rules[..5], [CutRule::Anywhere, CutRule::Anywhere, words, words, words]);
    let lines = CutRule::BeforeSpaceAfterLine;
    assert_eq!(rules[5..], [words, words, lines, lines, lines, lines]);
    // Without merges, but tokens may still have several characters.
    for joins in ["fuse_unk", "ignore_merges"] {
        let mut json: Value = serde_json::from_str(&TOKENIZERS[1].to_json().unwrap()).unwrap();
        json["model"][joins] = true.into();
        assert_eq!(Tokenizer::from_bytes(json.to_string().as_bytes()).unwrap().cut().rule, CutRule::Never);
    }
}

#[test]
fn two_trainings_give_one_file() {
    let documents = documents();
    for (kind, tokenizer) in KINDS.iter().zip(TOKENIZERS.iter()) {
        for _ in 0..3 {
            let again = try_train(&config(*kind, 640), &documents).unwrap();
            assert_eq!(again.to_json().unwrap(), tokenizer.to_json().unwrap(), "{kind:?}");
        }
        let json = tokenizer.to_json().unwrap();
        let reread = Tokenizer::from_bytes(json.as_bytes()).unwrap();
        assert_eq!(reread.to_json().unwrap(), json, "{kind:?}");
        assert_eq!(reread.vocabulary_size(), tokenizer.vocabulary_size());
    }
}

#[test]
fn a_trainer_fed_in_pieces_learns_the_same() {
    let documents = documents();
    for (kind, tokenizer) in KINDS.iter().zip(TOKENIZERS.iter()) {
        let mut trainer = TokenizerTrainer::new(&config(*kind, 640)).unwrap();
        for document in &documents {
            let cut = Cut { rule: CutRule::BeforeWhitespace, special: Vec::new() };
            for piece in cut.pieces(document, 100) {
                trainer.feed(piece);
            }
        }
        assert_eq!(
            trainer.finish(true).unwrap().to_json().unwrap(),
            tokenizer.to_json().unwrap(),
            "{kind:?}"
        );
    }
}

#[test]
fn ids_are_what_the_documentation_says() {
    let [byte, char, bpe, word_piece, unigram] = &TOKENIZERS[..5] else { panic!("five kinds") };
    assert_eq!(byte.encode("A\n\u{ff}").unwrap(), [65, 10, 0xc3, 0xbf]);
    assert_eq!((byte.vocabulary_size(), byte.end_of_text()), (257, Some(256)));
    let mut sorted: Vec<char> = documents().concat().chars().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let last = sorted.len() as u32;
    assert_eq!(char.encode(&sorted.iter().collect::<String>()).unwrap(), (0..last).collect::<Vec<_>>());
    assert_eq!(char.end_of_text(), Some(last));
    for tokenizer in [bpe, word_piece, unigram] {
        assert!(tokenizer.vocabulary_size() <= 640);
        assert_eq!(tokenizer.end_of_text(), Some(tokenizer.vocabulary_size() as u32 - 1));
    }
    assert_eq!(bpe.vocabulary_size(), 640.min(bpe.vocabulary_size()));
    assert!(word_piece.encode_tokens("the foxes").unwrap().1.iter().any(|token| token.starts_with('…')));
}

#[test]
fn a_single_document_needs_no_end_of_text() {
    let char = train(TokenizerKind::Char, 0, &["hello"]);
    assert_eq!((char.vocabulary_size(), char.end_of_text()), (4, None));
    assert_eq!(char.unknown_characters("help!p"), ['p', '!']);
    assert_eq!(train(TokenizerKind::Byte, 0, &["hello"]).vocabulary_size(), 256);
    assert_eq!(train(TokenizerKind::Bpe, 300, &["hello"]).end_of_text(), Some(256));
}

#[test]
fn special_tokens_follow_end_of_text() {
    let config =
        TokenizerConfig { special_tokens: vec!["<|user|>".into()], ..config(TokenizerKind::Bpe, 300) };
    let tokenizer = try_train(&config, ["the fox and the owl"]).unwrap();
    let end = tokenizer.end_of_text().unwrap();
    assert_eq!(tokenizer.id("<|user|>"), Some(end + 1));
    assert_eq!(tokenizer.encode("<|user|>").unwrap(), [end + 1]);
}

#[test]
fn special_tokens_that_a_text_spells_are_named() {
    let tokenizer = train(TokenizerKind::Bpe, 300, &["the fox and the owl"]);
    assert_eq!(tokenizer.special_within("<|endoftext|> the owl<|endoftext|>"), [END_OF_TEXT; 2]);
    assert!(tokenizer.special_within("<|endoftext the owl").is_empty());
}

#[test]
fn settings_that_cannot_work_are_named() {
    let small = try_train(&config(TokenizerKind::WordPiece, 300), ["x"]).unwrap_err().to_string();
    assert!(small.starts_with("tokenizer.vocabulary = 300 must be at least 513"), "{small}");
    let spaced = TokenizerConfig { special_tokens: vec!["a b".into()], ..config(TokenizerKind::Bpe, 300) };
    let spaced = try_train(&spaced, ["x"]).unwrap_err().to_string();
    assert!(
        spaced.starts_with("tokenizer.special_tokens = \"a b\" must have only printable ASCII"),
        "{spaced}"
    );
}

#[test]
fn texts_with_too_little_to_learn_still_give_a_tokenizer() {
    for kind in KINDS {
        let tokenizer = train(kind, 600, &["x"]);
        assert_eq!(tokenizer.decode(&tokenizer.encode("x").unwrap()), "x", "{kind:?}");
    }
}

#[test]
fn foreign_and_damaged_files_say_what_is_wrong() {
    for (bytes, part) in [
        (&b"{\"version\": \"1.0\""[..], "not JSON"),
        (b"{}", "no `model`"),
        (b"{\"model\": {\"type\": \"Magic\"}}", "cannot be used|not a usable"),
        (
            b"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 99999999999}, \"merges\": []}}",
            "id 99999999999 must be below",
        ),
        (
            b"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 16777215}, \"merges\": []}}",
            "id 16777215 must be below 1026",
        ),
        (
            b"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}, \"added_tokens\": [{\"id\": 1028}]}",
            "id 1028 must be below 1028",
        ),
    ] {
        let message = Tokenizer::from_bytes(bytes).unwrap_err().to_string();
        assert!(part.split('|').any(|part| message.contains(part)), "{message}");
        assert!(!message.contains('\n'));
    }
    let missing = Tokenizer::load(Path::new("no/such/tokenizer.json")).unwrap_err().to_string();
    assert!(missing.starts_with("no/such/tokenizer.json: "), "{missing}");
}

#[test]
fn a_foreign_tokenizer_encodes_documents_whole() {
    let json = r#"{"version":"1.0","added_tokens":[],"normalizer":{"type":"Lowercase"},
        "pre_tokenizer":{"type":"Whitespace"},"post_processor":null,
        "decoder":{"type":"WordPiece","prefix":"\u0023\u0023","cleanup":true},
        "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"\u0023\u0023",
        "max_input_chars_per_word":100,"vocab":{"[UNK]":0,"fox":1,"\u0023\u0023es":2,"the":3}}}"#;
    let tokenizer = Tokenizer::from_bytes(json.as_bytes()).unwrap();
    assert_eq!(tokenizer.cut().rule, CutRule::Never);
    let tokens = tokenizer.encode("The foxes").unwrap();
    assert_eq!(tokens, [3, 1, 2]);
    assert_eq!(tokenizer.decode(&tokens), "the foxes");
    assert_eq!(streamed(tokenizer.decode_stream(), &tokens), "the foxes");
}

#[test]
fn training_gives_others_their_turn_throughout() {
    // Words that share few pairs, each twice, so that every kind has thousands of operations to do.
    let words =
        |count: usize| (0..count).map(|number| format!(" w{number}x{}", number * 7919)).collect::<String>();
    for kind in [TokenizerKind::Bpe, TokenizerKind::WordPiece, TokenizerKind::Unigram] {
        let asked = |count: usize| {
            let yielder = Yielder::none();
            let text = words(count).repeat(2);
            block_on(Tokenizer::train(&config(kind, 1200), [text.as_str()], &yielder)).unwrap();
            yielder.asked()
        };
        let (few, many) = (asked(200), asked(5_000));
        assert!(many > 8 && many > few, "{kind:?}: {few} and {many}");
    }
}

/// Python's library loses them, because it reads their letters as its byte alphabet.
#[test]
fn added_tokens_of_latin_letters_are_their_own_text() {
    let trained = train(TokenizerKind::Bpe, 300, &["the fox and the owl"]);
    let mut json: Value = serde_json::from_str(&trained.to_json().unwrap()).unwrap();
    let first = trained.vocabulary_size();
    for (at, word) in ["café", "đem", "čaj"].into_iter().enumerate() {
        let added = json!({
            "id": first + at, "content": word, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": false,
        });
        json["added_tokens"].as_array_mut().unwrap().push(added);
    }
    let tokenizer = Tokenizer::from_bytes(json.to_string().as_bytes()).unwrap();
    let text = "café, đem čaj owl é";
    let tokens = tokenizer.encode(text).unwrap();
    assert!(tokens.contains(&(first as u32)) && tokens.contains(&(first as u32 + 2)), "{tokens:?}");
    assert_eq!(tokenizer.decode(&tokens), text);
    assert_eq!(streamed(tokenizer.decode_stream(), &tokens), text);
    assert_eq!(tokenizer.describe(first as u32).text, "café");
}

#[test]
fn added_tokens_beyond_a_models_rows_become_text() {
    let trained = train(TokenizerKind::Bpe, 300, &["the fox and the owl"]);
    let rows = trained.vocabulary_size();
    let padded = trained.with_special_tokens(&["[PAD]".to_owned(), "<img>".to_owned()]).unwrap();
    let (fitting, removed) = padded.without_added_beyond(rows).unwrap();
    assert_eq!(removed, ["[PAD]", "<img>"]);
    assert_eq!((fitting.vocabulary_size(), fitting.end_of_text()), (rows, trained.end_of_text()));
    assert_eq!(fitting.decode(&fitting.encode("a [PAD]").unwrap()), "a [PAD]");
    assert!(fitting.encode("a [PAD]").unwrap().iter().all(|id| (*id as usize) < rows));
    // A tokenizer that fits needs no change; if the end-of-text token does not fit, the model is another one.
    assert!(padded.without_added_beyond(rows + 2).is_none());
    assert!(padded.without_added_beyond(rows - 1).is_none());
}
