//! A report of a typical cleaning, for tests of its display.

use super::super::*;

const WEB: &str = "web/2024-05";

fn amount(documents: u64, bytes: u64) -> Amount {
    Amount { documents, bytes, words: bytes / 6 }
}

fn about(group: Group, name: &str, title: &str) -> About {
    let sentence = format!("Removes what {title} names.");
    let [name, title, threshold, paper] =
        [name, title, "0.1 at most", "Gopher (Rae et al., 2021)"].map(str::to_owned);
    About { name, group, title, sentence, threshold, paper, is_off: false }
}

fn rule(name: &str, title: &str, removed: Amount, victims: &[(u64, &str, &str)]) -> StageRecorder {
    let mut recorder = StageRecorder::new(about(Group::Rules, name, title));
    let mut rest = removed;
    for (place, (words, reason, excerpt)) in victims.iter().enumerate() {
        let one = Amount { documents: 1, bytes: words * 6, words: *words };
        let id = format!("{WEB}/crawl.warc.gz#{}", 100 * place + name.len());
        recorder.drop(&id, WEB, one, reason, || (*excerpt).to_owned());
        rest.documents -= 1;
        rest.bytes -= one.bytes;
        rest.words -= one.words;
    }
    recorder.stage.removed.add(rest);
    recorder
}

/// A stage that changed documents from and to these bytes, with one example.
fn edits(group: Group, title: &str, documents: u64, bytes: [u64; 2], texts: [&str; 2]) -> StageRecorder {
    let mut recorder = StageRecorder::new(about(group, title, title));
    recorder.stage.edited.before.add(amount(documents - 1, bytes[0]));
    recorder.stage.edited.after.add(amount(documents - 1, bytes[1]));
    let one = Amount { documents: 1, ..Amount::default() };
    let id = format!("{WEB}/crawl.warc.gz#{}", title.len());
    recorder.edit(&id, WEB, one, one, || (texts[0].to_owned(), texts[1].to_owned()));
    recorder
}

fn stages(raw: Amount) -> Vec<Stage> {
    let mut repair = edits(
        Group::Repair,
        "Repair",
        3_870,
        [9_200_000, 9_174_000],
        [
            "The cafÃ© wasnâ€™t open\u{a0}\u{a0}on Monday.\r\nWe went home.",
            "The café wasn’t open on Monday.\nWe went home.",
        ],
    );
    repair.count("mojibake", 412);
    repair.count("line_endings", 2_961);
    let foreign = [
        (212, "deu at 0.98", "Willkommen auf der Seite des Heimatvereins …"),
        (95, "rus at 1.00", "Добро пожаловать на сайт нашей библиотеки …"),
        (143, "arb at 0.99", "مرحبا بكم في موقعنا …"),
    ];
    let short = [
        (7, "7 words, at least 50 required", "Page not found. Return to the homepage."),
        (12, "12 words, at least 50 required", "Sign in | Register | Basket (0) | Help"),
    ];
    let repeated = [(320, "top 2-gram 0.41, at most 0.2 allowed", "cheap flights cheap flights to Rome …")];
    let mut near = StageRecorder::new(about(Group::Duplicates, "near-duplicates", "Near copies"));
    near.stage.removed.add(amount(1_467, 3_414_112));
    let extraction = edits(
        Group::Extraction,
        "Web pages to prose",
        14_210,
        [31_400_000, 18_950_000],
        ["Home | News\n\nThe lighthouse was lit in 1851.\n\n© 2024", "The lighthouse was lit in 1851."],
    );
    let lines = edits(
        Group::Rules,
        "C4 lines",
        8_120,
        [11_000_000, 10_310_000],
        [
            "Read more\nThe council met on Thursday to discuss the new bridge.\nThis site uses cookies",
            "The council met on Thursday to discuss the new bridge.",
        ],
    );
    let personal = edits(
        Group::Personal,
        "Personal data",
        622,
        [1_800_000, 1_803_100],
        ["Write to j•••@e••••••.org or ring +44 ••• ••• 12.", "Write to <EMAIL> or ring <PHONE>."],
    );
    let all = [
        extraction,
        repair,
        rule("language", "Language", amount(1_204, 3_912_004), &foreign),
        rule("gopher.word_count", "Word count", amount(2_310, 512_870), &short),
        rule("gopher.bullets", "Bullet lines", Amount::default(), &[]),
        rule("gopher.repetition", "Repetition", amount(611, 2_902_430), &repeated),
        rule(
            "gibberish",
            "Gibberish",
            amount(41, 61_233),
            &[(77, "5.2 bits per character", "xkq vvz0 plw …")],
        ),
        lines,
        near,
        personal,
    ];
    StageRecorder::chain(raw, all)
}

fn composition(key: &str, title: &str, rows: &[(&str, u64, u64)]) -> CorpusTable {
    let (raw, kept) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.1, sum.1 + row.2));
    let count = |title| Column::new(title, Unit::Count);
    let share = |title| Column::new(title, Unit::Share);
    let row = |(name, before, after): &(&str, u64, u64)| {
        let shares = [(*before, raw), (*after, kept)]
            .map(|(part, whole)| CorpusCell::from(part as f64 / whole as f64));
        [vec![(*name).into(), (*before).into(), (*after).into()], shares.to_vec()].concat()
    };
    CorpusTable {
        key: key.to_owned(),
        title: title.to_owned(),
        columns: vec![
            Column::new(title, Unit::Text),
            count("Documents raw"),
            count("Documents kept"),
            share("Share raw"),
            share("Share kept"),
        ],
        rows: rows.iter().map(row).collect(),
        ..CorpusTable::default()
    }
}

fn near_copies() -> Duplicates {
    let near = about(Group::Duplicates, "near-duplicates", "Near copies");
    let mut recorder = DuplicateRecorder::new(near, "MinHash", Some(528));
    let member = |member: u64| Member {
        id: format!("{WEB}/crawl.warc.gz#{member}"),
        source: WEB.to_owned(),
        words: 520 - member * 3,
        kept: member == 0,
        similarity: (member > 0).then_some(1.0 - 0.02 * member as f64),
        found_by: "13 of 16 bands agree".to_owned(),
        excerpt: format!(
            "A boiled egg wants {} minutes. Put it into water that boils already …",
            3 + member % 2
        ),
    };
    for (size, groups) in [(2, 812_u64), (3, 101), (4, 33), (5, 9), (7, 2), (31, 1)] {
        for _ in 0..groups {
            let reason = "the longest of its group".to_owned();
            let members = || (0..size).map(member).collect();
            recorder.cluster(size, || Cluster { reason, members: members(), ..Cluster::default() });
        }
    }
    recorder.finish()
}

pub(super) fn report() -> CleaningReport {
    let raw = amount(21_467, 62_134_221);
    let stages = stages(raw);
    let kept = stages.last().map(Stage::after).unwrap_or_default();
    let mut personal = PersonalRecorder::default();
    for (class, times, sample) in [
        ("email", 702, "please write to j•••@e••••••.org before Friday"),
        ("ip_address", 58, "blocked 192.•••.•••.7 after three attempts"),
    ] {
        personal.find(class, "replaced", "a#1", times, || sample.to_owned());
    }
    let mut troubles = TroubleRecorder::default();
    for (place, reason) in [
        ("web/bomb.html.gz", "unpacks to more than 1.0 GB: left out from there on"),
        ("tables/ragged.csv#17", "has 5 fields but the header has 4: skipped"),
        ("scans/old.pdf", "holds pictures of pages and no text: skipped"),
    ] {
        troubles.add(place, reason);
    }
    let mut samples = SampleRecorder::default();
    samples.keep("stories/a.txt#88", "stories", amount(1, 820), || "Once there was a fox …".to_owned());
    let input = |path: &str, bytes, documents| Input {
        path: path.to_owned(),
        format: "plain text".to_owned(),
        bytes,
        documents,
    };
    let words = [("under 50", 2_310, 0), ("50–99", 3_033, 2_411), ("100–199", 6_209, 5_400)];
    CleaningReport {
        recipe: RecipeText { name: "fineweb".to_owned(), toml: "name = \"fineweb\"\n".to_owned() },
        inputs: vec![input("stories/a.txt", 9_121_004, 5_120), input("books/catalogue.txt", 402_880, 35)],
        raw,
        kept,
        stages,
        personal: personal.finish(),
        duplicates: vec![near_copies()],
        tables: vec![
            composition("source", "By source", &[(WEB, 14_210, 8_211), ("stories", 5_120, 5_004)]),
            composition("language", "By language", &[("eng", 20_263, 14_906), ("deu", 701, 0)]),
            composition("length", "By length", &words),
        ],
        samples: samples.finish(),
        troubles: troubles.finish(),
        ..CleaningReport::default()
    }
}
