//! Made-up events of a data bench: a recipe, a sample, the report of a cleaning, dropped documents, a comparison.

use glasshouse_protocol::cleaning::report::{
    About, Amount, CleaningReport, Cluster, ClusterSize, Duplicates, Edited, Group, Input, Member,
    PersonalClass, PersonalSample, RecipeText, Stage, TroubleEntry, TroubleKind, Troubles, Victim,
};
use glasshouse_protocol::cleaning::table::{Column, CorpusTable, Unit};
use glasshouse_protocol::cleaning::{
    CleaningProgress, CleaningStep, ComparedDocument, DroppedDocument, JudgedDocument, PersonalAction,
    PersonalCard, Phase, RecipeSummary, SampleJudgement, SampleStage, StageCard, TextChange, TextFate,
    Threshold, ThresholdKind, Verdict, VerdictKind,
};
use glasshouse_protocol::{DocumentSummary, DocumentsOverview, Event, FileProblem, Preview, answer};

/// Sources of the made-up corpus with raw and kept documents.
const SOURCES: [(&str, u64, u64); 3] =
    [("harbour-museum", 9_412, 5_870), ("ships-logs", 3_120, 3_054), ("forum", 2_208, 1_377)];

/// A stage: name, group, title, description, paper, whether it is on.
type Made = (&'static str, Group, &'static str, &'static str, &'static str, bool);

const STAGES: [Made; 8] = [
    (
        "language",
        Group::Rules,
        "Language",
        "Keeps texts in the languages that you list. A small model learns one language from what would only hint at five.",
        "whatlang, after Cavnar and Trenkle 1994",
        true,
    ),
    (
        "gopher-repetition",
        Group::Rules,
        "Repetition (Gopher)",
        "Drops texts that say the same lines, paragraphs or phrases again and again: a model picks up loops first of all.",
        "Gopher, Rae et al. 2021, table A1",
        true,
    ),
    (
        "gopher-quality",
        Group::Rules,
        "Prose (Gopher)",
        "Drops texts that do not look like prose: too few words, odd word lengths, mostly symbols, bullets or cut-off lines.",
        "Gopher, Rae et al. 2021, appendix A1.1",
        true,
    ),
    (
        "c4-quality",
        Group::Rules,
        "Sentences (C4)",
        "Takes away lines that are no sentences, and drops texts with too few sentences left.",
        "C4, Raffel et al. 2020, section 2.2",
        true,
    ),
    (
        "fineweb-quality",
        Group::Rules,
        "Lists and menus (FineWeb)",
        "Drops texts that are lists rather than writing.",
        "FineWeb, Penedo et al. 2024, section 3.3",
        false,
    ),
    (
        "personal-data",
        Group::Personal,
        "Personal data",
        "Finds addresses, numbers and secrets of people and puts a placeholder in their place.",
        "",
        true,
    ),
    (
        "exact-duplicates",
        Group::Duplicates,
        "Exact duplicates",
        "Keeps the first of documents with the same words: what is read twice is learned by heart.",
        "",
        true,
    ),
    (
        "near-duplicates",
        Group::Duplicates,
        "Near duplicates",
        "Keeps one of documents with nearly the same words, found by MinHash and verified by their true similarity.",
        "Broder 1997; FineWeb, Penedo et al. 2024",
        true,
    ),
];

fn threshold(name: &str, value: f64, highest: f64, kind: ThresholdKind, meaning: &str) -> Threshold {
    Threshold { name: name.to_owned(), value, meaning: meaning.to_owned(), lowest: 0.0, highest, kind }
}

/// The recipe's summary, with one stage switched on or off.
pub fn recipe_with(stage: &str, on: bool) -> RecipeSummary {
    let cards = STAGES.iter().map(|(name, group, title, sentence, paper, works)| StageCard {
        name: (*name).to_owned(),
        group: *group,
        title: (*title).to_owned(),
        sentence: (*sentence).to_owned(),
        paper: (*paper).to_owned(),
        on: if *name == stage { on } else { *works },
        file: None,
        thresholds: match *name {
            "gopher-quality" => vec![
                threshold("min_words", 50.0, 100_000.0, ThresholdKind::Count, "fewest words of a document"),
                threshold(
                    "max_symbol_share",
                    0.1,
                    1.0,
                    ThresholdKind::Measure,
                    "most hash signs and ellipses a word",
                ),
            ],
            "c4-quality" => vec![threshold(
                "remove_citations",
                1.0,
                1.0,
                ThresholdKind::Switch,
                "marks such as [1] are removed",
            )],
            "near-duplicates" => {
                vec![threshold(
                    "similarity",
                    0.75,
                    1.0,
                    ThresholdKind::Measure,
                    "true Jaccard similarity from which two documents are copies",
                )]
            }
            _ => Vec::new(),
        },
    });
    let class = |class: &str, title: &str, action| PersonalCard {
        class: class.to_owned(),
        title: title.to_owned(),
        action,
    };
    RecipeSummary {
        name: "fineweb".to_owned(),
        toml: format!("name = \"fineweb\"\nvalidation = 0.1\n\n# {stage} {on}\n"),
        cards: cards.collect(),
        personal: vec![
            class("secret", "secret", PersonalAction::Replace),
            class("email", "email", PersonalAction::Replace),
            class("ip_address", "ip_address", PersonalAction::Mask),
            class("phone", "phone", PersonalAction::Replace),
        ],
        validation: 0.1,
    }
}

/// The recipe as its cleaning used it.
pub fn recipe() -> Event {
    Event::Recipe { recipe: recipe_with("fineweb-quality", false) }
}

/// A sample judged by the recipe.
pub fn judged() -> Event {
    let stage =
        |name: &str, dropped, alone, edited| SampleStage { name: name.to_owned(), dropped, alone, edited };
    let document = |id: &str, source: &str, dropped: Option<(&str, &str)>, excerpt: &str| JudgedDocument {
        id: id.to_owned(),
        source: source.to_owned(),
        dropped: dropped.map(|(stage, reason)| (stage.to_owned(), reason.to_owned())),
        excerpt: excerpt.to_owned(),
    };
    Event::Previewed(Preview::Sample {
        judgement: SampleJudgement {
            documents: 100,
            kept: 71,
            stages: vec![
                stage("language", 6, 6, 0),
                stage("gopher-repetition", 4, 5, 0),
                stage("gopher-quality", 15, 21, 0),
                stage("c4-quality", 4, 11, 38),
                stage("fineweb-quality", 0, 9, 0),
                stage("personal-data", 0, 0, 17),
                stage("exact-duplicates", 0, 0, 0),
                stage("near-duplicates", 0, 0, 0),
            ],
            judged: vec![
                document(
                    LIGHTHOUSE,
                    "harbour-museum",
                    None,
                    "The lamp at the end of the pier was lit for the first time in the autumn of 1851",
                ),
                document(
                    "harbour-museum/visit.html",
                    "harbour-museum",
                    Some(("gopher-quality", "31 words, at least 50 required")),
                    "Opening hours. Tickets. How to find us. Tuesday to Sunday, ten to five",
                ),
                document(
                    "ships-logs/1873.csv#12",
                    "ships-logs",
                    None,
                    "Wind from the west, fresh. At four bells we sighted the cape and took in the topsails",
                ),
                document(
                    "forum/threads.jsonl#88",
                    "forum",
                    Some(("gopher-repetition", "duplicate lines 0.46, at most 0.30 allowed")),
                    "Bump. Bump. Does anyone still have the drawings of the old slipway?",
                ),
                document(
                    "harbour-museum/ropewalk.html",
                    "harbour-museum",
                    None,
                    "A ropewalk is as long as the longest rope that it makes, and ours was three hundred paces",
                ),
                document(
                    "harbour-museum/besuch.html",
                    "harbour-museum",
                    Some(("language", "deu at 0.98, eng asked")),
                    "Das Museum liegt am alten Hafen. Führungen finden jeden Samstag statt",
                ),
                document(
                    "ships-logs/1873.csv#13",
                    "ships-logs",
                    None,
                    "Rain all night. The cook has mended the galley fire and there was hot coffee at dawn",
                ),
            ],
        },
    })
}

/// A document of the sample that the recipe changes.
pub const LIGHTHOUSE: &str = "harbour-museum/lighthouse.html";

fn verdict(stage: &str, verdict: VerdictKind, reason: &str, on: bool) -> Verdict {
    Verdict { stage: stage.to_owned(), verdict, reason: reason.to_owned(), on }
}

/// Its comparison with the cleaned version.
pub fn compared() -> Event {
    let change = |fate, text: &str| TextChange { fate, text: text.to_owned() };
    Event::Previewed(Preview::Document {
        document: ComparedDocument {
            id: LIGHTHOUSE.to_owned(),
            changes: vec![
                change(TextFate::Removed, "Home | Collection | Visit | Shop | Basket (0)\n\n"),
                change(
                    TextFate::Same,
                    "The lamp at the end of the pier was lit for the first time in the autumn of 1851. Before it stood there, ships \
                     that came in at night steered by the bell of the chapel, and in a western gale the bell could not be heard.\n\n\
                     The first keeper was Ann Tregarth, who had charge of it for thirty-one years. She wrote down the weather every \
                     evening, the ships that she saw, and now and then what she thought of them.\n\n",
                ),
                change(TextFate::Removed, "We use cookies to make this page better. Accept all\n\n"),
                change(TextFate::Same, "Her books can be read in the museum. To see them, write to "),
                change(TextFate::Removed, "k•••@h•••••.example"),
                change(TextFate::Added, "<EMAIL>"),
                change(TextFate::Same, " or ring "),
                change(TextFate::Removed, "01•••••••42"),
                change(TextFate::Added, "<PHONE>"),
                change(
                    TextFate::Same,
                    " a week before you come.\n\nThe lamp was made in Birmingham and carried up the coast in eleven crates. It burned \
                     rape oil at first, then paraffin, and from 1926 on it was electric.\n\n",
                ),
                change(TextFate::Removed, "Share this page | Print | Back to top"),
            ],
            verdicts: vec![
                verdict("language", VerdictKind::Keeps, "", true),
                verdict("gopher-repetition", VerdictKind::Keeps, "", true),
                verdict("gopher-quality", VerdictKind::Keeps, "", true),
                verdict("c4-quality", VerdictKind::Edits, "", true),
                verdict(
                    "fineweb-quality",
                    VerdictKind::Drops,
                    "lines that end like a sentence 0.11, at least 0.12 asked",
                    false,
                ),
            ],
            cut: false,
        },
    })
}

/// The comparison of a dropped document.
pub fn compared_dropped() -> Event {
    Event::Previewed(Preview::Document {
        document: ComparedDocument {
            id: "harbour-museum/visit.html".to_owned(),
            changes: vec![TextChange {
                fate: TextFate::Removed,
                text: "Opening hours. Tickets. How to find us. Tuesday to Sunday, ten to five. Closed on Mondays and at Christmas. \
                       Adults six pounds, children free. Dogs are welcome in the yard."
                    .to_owned(),
            }],
            verdicts: vec![
                verdict("language", VerdictKind::Keeps, "", true),
                verdict("gopher-quality", VerdictKind::Drops, "31 words, at least 50 required", true),
                verdict("c4-quality", VerdictKind::Drops, "2 sentences, at least 5 asked", true),
            ],
            cut: false,
        },
    })
}

fn amount(documents: u64, bytes: u64) -> Amount {
    Amount { documents, bytes, words: bytes / 6 }
}

/// Consecutive stages: name, group, title, dropped amount, and changed documents and bytes before and after.
fn stages(raw: Amount) -> Vec<Stage> {
    type Did = (&'static str, Group, &'static str, (u64, u64), (u64, u64, u64));
    let did: [Did; 8] = [
        ("extraction", Group::Extraction, "Extraction", (204, 1_310_000), (8_900, 41_800_000, 30_200_000)),
        ("language", Group::Rules, "Language", (611, 1_912_000), (0, 0, 0)),
        ("gopher-repetition", Group::Rules, "Repetition (Gopher)", (402, 1_702_430), (0, 0, 0)),
        ("gopher-quality", Group::Rules, "Prose (Gopher)", (2_310, 912_870), (0, 0, 0)),
        ("c4-quality", Group::Rules, "Sentences (C4)", (288, 640_000), (4_120, 12_400_000, 11_300_000)),
        ("personal-data", Group::Personal, "Personal data", (0, 0), (731, 4_100_000, 4_086_000)),
        ("exact-duplicates", Group::Duplicates, "Exact duplicates", (187, 1_020_000), (0, 0, 0)),
        ("near-duplicates", Group::Duplicates, "Near duplicates", (437, 2_980_000), (0, 0, 0)),
    ];
    let mut before = raw;
    let stage = |(name, group, title, (documents, bytes), (edited, old, new)): Did| {
        let about = About { name: name.to_owned(), group, title: title.to_owned(), ..About::default() };
        let removed = amount(documents, bytes);
        let edited = Edited { before: amount(edited, old), after: amount(edited, new) };
        let victims = if name == "gopher-quality" { victims() } else { Vec::new() };
        let stage = Stage { about, before, removed, edited, victims, ..Stage::default() };
        before = stage.after();
        stage
    };
    did.map(stage).into()
}

fn victims() -> Vec<Victim> {
    let victim = |id: &str, reason: &str, excerpt: &str| Victim {
        id: id.to_owned(),
        source: "harbour-museum".to_owned(),
        words: 31,
        bytes: 190,
        reason: reason.to_owned(),
        excerpt: excerpt.to_owned(),
    };
    vec![
        victim(
            "harbour-museum/visit.html",
            "31 words, at least 50 required",
            "Opening hours. Tickets. How to find us …",
        ),
        victim(
            "harbour-museum/404.html",
            "7 words, at least 50 required",
            "Page not found. Return to the harbour.",
        ),
    ]
}

fn composition(key: &str, title: &str, first: &str, rows: &[(&str, u64, u64)]) -> CorpusTable {
    let (raw, kept) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.1, sum.1 + row.2));
    let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
    let row = |(name, before, after): &(&str, u64, u64)| {
        vec![
            (*name).into(),
            (*before).into(),
            (*after).into(),
            share(*before, raw).into(),
            share(*after, kept).into(),
        ]
    };
    CorpusTable {
        key: key.to_owned(),
        title: title.to_owned(),
        note: String::new(),
        columns: vec![
            Column::new(first, Unit::Text),
            Column::new("Documents raw", Unit::Count),
            Column::new("Documents kept", Unit::Count),
            Column::new("Share raw", Unit::Share),
            Column::new("Share kept", Unit::Share),
        ],
        rows: rows.iter().map(row).collect(),
    }
}

fn copies() -> Duplicates {
    let member = |id: &str, words, similarity: Option<f64>, excerpt: &str| Member {
        id: id.to_owned(),
        source: "harbour-museum".to_owned(),
        words,
        kept: similarity.is_none(),
        similarity,
        found_by: if similarity.is_some() { "11 of 14 bands agree".to_owned() } else { String::new() },
        excerpt: excerpt.to_owned(),
    };
    Duplicates {
        name: "near-duplicates".to_owned(),
        title: "Near duplicates".to_owned(),
        method: "MinHash of 128 permutations in 14 bands of 9, verified by true Jaccard similarity of at least 0.75".to_owned(),
        clusters: 318,
        documents: 755,
        bytes_per_document: Some(528),
        sizes: vec![ClusterSize { size: 2, clusters: 240 }, ClusterSize { size: 3, clusters: 77 }],
        largest: vec![Cluster {
            size: 44,
            reason: "the longest of its group".to_owned(),
            members: vec![
                member("harbour-museum/press/2019.html", 412, None, "The museum is closed for the winter and opens again in March"),
                member("harbour-museum/press/2020.html", 409, Some(0.97), "The museum is closed for the winter and opens again in April"),
                member("harbour-museum/press/2021.html", 398, Some(0.91), "Our museum is closed for the winter and opens in April again"),
            ],
        }],
    }
}

/// The report of the made-up cleaning.
pub fn report() -> CleaningReport {
    let raw = amount(SOURCES.iter().map(|(_, raw, _)| raw).sum(), 62_134_221);
    let stages = stages(raw);
    let kept = stages.last().map(Stage::after).unwrap_or_default();
    let personal = |class: &str, treatment: &str, found, documents, sample: &str| PersonalClass {
        class: class.to_owned(),
        treatment: treatment.to_owned(),
        found,
        documents,
        samples: vec![PersonalSample { id: LIGHTHOUSE.to_owned(), masked: sample.to_owned() }],
    };
    let input = |path: &str, format: &str, bytes, documents| Input {
        path: path.to_owned(),
        format: format.to_owned(),
        bytes,
        documents,
    };
    let trouble =
        |place: &str, reason: &str| TroubleEntry { place: place.to_owned(), reason: reason.to_owned() };
    CleaningReport {
        recipe: RecipeText { name: "fineweb".to_owned(), toml: recipe_with("fineweb-quality", false).toml },
        inputs: vec![
            input("harbour-museum.warc.gz", "WARC, gzip", 14_210_332, 9_412),
            input("ships-logs.csv", "CSV", 9_121_004, 3_120),
            input("forum.jsonl", "JSONL", 4_204_112, 2_208),
        ],
        raw,
        kept,
        stages,
        personal: vec![
            personal("email", "replaced by <EMAIL>", 702, 690, "write to k•••@h•••••.example before"),
            personal("ip_address", "masked", 58, 41, "blocked 192.•••.•••.7 after three attempts"),
            personal("phone", "replaced by <PHONE>", 311, 240, "or ring 01•••••••42 a week"),
        ],
        duplicates: vec![copies()],
        tables: vec![
            composition("source", "By source", "Source", &SOURCES),
            composition(
                "language",
                "By language",
                "Language",
                &[("eng", 14_006, 10_301), ("deu", 481, 0), ("cor", 253, 0)],
            ),
            composition(
                "licence",
                "By licence",
                "Licence",
                &[("unknown", 11_620, 7_247), ("public domain", 3_120, 3_054)],
            ),
            composition(
                "length",
                "By length",
                "Words",
                &[
                    ("under 50", 2_310, 0),
                    ("50–99", 3_033, 2_411),
                    ("100–499", 7_020, 6_190),
                    ("500 and more", 2_377, 1_700),
                ],
            ),
        ],
        troubles: {
            let listed = vec![
                trouble("scans/old-plan.pdf", "holds pictures of pages and no text: skipped"),
                trouble("ships-logs.csv#1704", "has 5 fields but the header has 4: skipped"),
            ];
            let kinds = listed.iter().map(|first| TroubleKind { count: 1, first: first.clone() }).collect();
            Troubles { count: 2, listed, kinds }
        },
        ..CleaningReport::default()
    }
}

pub fn cleaned() -> Event {
    Event::Cleaning(CleaningStep::Done { report: Box::new(report()) })
}

/// A page of dropped documents.
pub fn dropped(stage: Option<&str>) -> Event {
    let document = |id: &str, source: &str, rule: &str, reason: &str, excerpt: &str| DroppedDocument {
        id: id.to_owned(),
        source: source.to_owned(),
        rule: rule.to_owned(),
        reason: reason.to_owned(),
        excerpt: excerpt.to_owned(),
    };
    let all = [
        document(
            "harbour-museum/visit.html",
            "harbour-museum",
            "gopher-quality",
            "31 words, at least 50 required",
            "Opening hours. Tickets. How to find us. Tuesday to Sunday, ten to five",
        ),
        document(
            "harbour-museum/besuch.html",
            "harbour-museum",
            "language",
            "deu at 0.98, eng asked",
            "Das Museum liegt am alten Hafen. Führungen finden jeden Samstag statt",
        ),
        document(
            "forum/threads.jsonl#88",
            "forum",
            "gopher-repetition",
            "duplicate lines 0.46, at most 0.30 allowed",
            "Bump. Bump. Does anyone still have the drawings of the old slipway?",
        ),
        document(
            "harbour-museum/press/2020.html",
            "harbour-museum",
            "near-duplicates",
            "0.97 like harbour-museum/press/2019.html",
            "The museum is closed for the winter and opens again in April",
        ),
        document(
            "harbour-museum/404.html",
            "harbour-museum",
            "gopher-quality",
            "7 words, at least 50 required",
            "Page not found. Return to the harbour.",
        ),
    ];
    let documents: Vec<DroppedDocument> =
        all.into_iter().filter(|document| stage.is_none_or(|stage| stage == document.rule)).collect();
    let found = if stage.is_some() { documents.len() } else { 4_439 };
    Event::Dropped(answer::Dropped { stage: stage.map(str::to_owned), offset: 0, found, documents })
}

/// The person's own documents, raw or cleaned, including an unreadable file.
pub fn documents(cleaned: bool) -> Event {
    let lines = [
        "The lamp at the end of the pier was lit for the first time in the autumn of 1851",
        "Wind from the west, fresh. At four bells we sighted the cape and took in the topsails",
        "A ropewalk is as long as the longest rope that it makes, and ours was three hundred paces",
        "Rain all night. The cook has mended the galley fire and there was hot coffee at dawn",
        "Does anyone still have the drawings of the old slipway? Mine went in the flood",
    ];
    let documents = (0..40).map(|number| DocumentSummary {
        number,
        id: cleaned
            .then(|| if number == 0 { LIGHTHOUSE.to_owned() } else { format!("forum.jsonl#{number}") }),
        file: ["harbour-museum", "ships-logs", "harbour-museum", "ships-logs", "forum"][number as usize % 5]
            .to_owned(),
        characters: 1_240 + number * 37,
        preview: lines[number as usize % 5].to_owned(),
        validation: number % 11 == 10,
    });
    let files = [
        ("harbour-museum.warc.gz", 14_210_332),
        ("ships-logs.csv", 9_121_004),
        ("forum.jsonl", 4_204_112),
        ("crew.txt", 0),
    ];
    let problem = |name: &str, reason: &str, partly| FileProblem {
        name: name.to_owned(),
        reason: reason.to_owned(),
        partly,
        count: 1,
    };
    let problems = vec![
        problem("crew.txt", "is empty", false),
        problem("forum.jsonl", "has a line that is no JSON", true),
    ];
    Event::Documents {
        overview: DocumentsOverview {
            cleaned,
            problems,
            rows: Vec::new(),
            embedded: false,
            files: files.map(|(name, bytes)| (name.to_owned(), bytes)).into(),
            documents: 10_301,
            bytes: 38_900_000,
            characters: 38_412_000,
            train: (9_271, 35_000_000),
            validation: (1_030, 3_900_000),
            lengths: vec![(256, 40), (512, 610), (1024, 4402), (2048, 3360), (4096, 1889)],
            distinct_characters: 88,
        },
        search: String::new(),
        offset: 0,
        found: 10_301,
        documents: documents.collect(),
    }
}

pub fn cleaning(done: u64, total: u64) -> Event {
    let progress = CleaningProgress { phase: Phase::Reading, done, total, documents: 6_120, kept: 4_381 };
    Event::Cleaning(CleaningStep::Progress(progress))
}
