//! Precision and recall by class on a planted set: personal data in many forms among look-alikes, drawn from a fixed seed.

use super::super::*;
use super::detector;
use glasshouse_protocol::random::split_mix;
use std::fmt::Write as _;

/// A seeded random number generator (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        let drawn = split_mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        drawn
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// One of the alternatives between `|`.
    fn choice<'a>(&mut self, list: &'a str) -> &'a str {
        self.one(&list.split('|').collect::<Vec<_>>())
    }

    fn one<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// Fills a template: `#` becomes a digit, `~` one from 2 to 9, `?` a hexadecimal digit, `*` a letter or digit, `^` a
    /// capital, `%` a capital or digit, `§` the mark `#`.
    fn fill(&mut self, shape: &str) -> String {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".as_bytes();
        let mut one = |set: &[u8]| char::from(set[self.below(set.len())]);
        shape
            .chars()
            .map(|mark| match mark {
                '#' => one(b"0123456789"),
                '~' => one(b"23456789"),
                '?' => one(b"0123456789abcdef"),
                '*' => one(letters),
                '%' => one(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
                '§' => '#',
                '^' => one(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                other => other,
            })
            .collect()
    }

    fn octet(&mut self) -> usize {
        self.below(256)
    }
}

/// Digits with a Luhn check digit, in groups.
fn card(draw: &mut Draw) -> String {
    let (shape, groups): (_, &[usize]) = match draw.below(5) {
        0 => ("4##############", &[4, 4, 4, 4]),
        1 => ("5~#############", &[4, 4, 4, 4]),
        2 => ("37############", &[4, 6, 5]),
        3 => ("6011###########", &[4, 4, 4, 4]),
        _ => ("4##############", &[16]),
    };
    let mut digits = draw
        .fill(shape)
        .replacen("56", "51", 1)
        .replacen("57", "52", 1)
        .replacen("58", "53", 1)
        .replacen("59", "54", 1);
    let sum: u32 = digits.bytes().rev().enumerate().fold(0, |sum, (index, byte)| {
        let doubled = u32::from(byte - b'0') * if index % 2 == 0 { 2 } else { 1 };
        sum + doubled / 10 + doubled % 10
    });
    write!(digits, "{}", (10 - sum % 10) % 10).unwrap();
    let joint = draw.one(&[" ", "-"]);
    let mut parts = Vec::new();
    let mut rest = digits.as_str();
    for length in groups {
        let (part, tail) = rest.split_at(*length);
        parts.push(part.to_owned());
        rest = tail;
    }
    parts.join(joint)
}

fn iban(draw: &mut Draw) -> String {
    let (country, shape) = [
        ("DE", "##################"),
        ("GB", "^^^^##############"),
        ("FR", "#######################"),
        ("NL", "^^^^##########"),
    ][draw.below(4)];
    let account = draw.fill(shape);
    let moved = format!("{account}{country}00");
    let remainder = moved.chars().fold(0, |remainder, character| {
        let value = character.to_digit(36).unwrap();
        (remainder * if value > 9 { 100 } else { 10 } + value) % 97
    });
    let whole = format!("{country}{:02}{account}", 98 - remainder);
    match draw.below(2) {
        0 => whole,
        _ => whole
            .as_bytes()
            .chunks(4)
            .map(|part| std::str::from_utf8(part).unwrap())
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// A finding with words around it.
fn planted(draw: &mut Draw, class: Class) -> (String, &'static str) {
    let plain =
        ["It was {} all along.", "Ask for {}, please.", "({})", "Nobody knows {}\n", "See {}; then go on."];
    let value = match class {
        Class::Email => {
            let user = draw.choice("jane.doe|j_smith|info|müller|o'brien|first+tag|x.y.z|anna-maria77");
            let host =
                draw.choice("example.com|mail.example.co.uk|uni-köln.de|a1.io|sub.domain.museum|163.com");
            format!("{user}@{host}")
        }
        Class::Phone => {
            let shapes = "+1 (~~~) ~~~-####|+1-~~~-~~~-####|(~~~) ~~~-####|~~~-~~~-####|~~~.~~~.####|1-~~~-~~~-####|\
                +44 20 7### ####|+49 30 #######|+49 (0)171 #######|+33 6 ## ## ## ##|+91 ~#### #####|\
                +86 13# #### ####|06 ## ## ## ##|020 7### ####|0171-#######|0~~1/######|+49151########|\
                0044 20 7### ####|~~~ ~~~ ####";
            let shape = draw.choice(shapes);
            draw.fill(shape)
        }
        Class::IpAddress if draw.below(3) == 0 => draw.fill(draw_v6(draw.0)),
        Class::IpAddress => {
            let first = [23, 34, 62, 81, 91, 104, 142, 185, 203, 212][draw.below(10)];
            format!("{first}.{}.{}.{}", draw.octet(), draw.octet(), draw.octet())
        }
        Class::Card => card(draw),
        Class::Iban => iban(draw),
        Class::Secret => {
            let shapes = [
                "AKIA%%%%%%%%%%%%%%%%",
                "ghp_************************************",
                "xoxb-############-############-************************",
                "sk_live_************************",
                "AIza***********************************",
                "sk-proj-****************************************",
                "sk-ant-api03-****************************************",
                "hf_**********************************",
                "eyJhbGciOiJIUzI1NiJ9.eyJ********************.*******************************************",
                "glpat-********************",
            ];
            let shape = draw.one(&shapes);
            draw.fill(shape)
        }
        Class::Name => draw.one(&["Ada Lovelace", "Grace Hopper", "Zoë", "Nikola Tesla"]).to_owned(),
        Class::Identifier => draw.fill("EMP-####"),
    };
    (value, plain[draw.below(plain.len())])
}

/// Formats of IP version 6.
fn draw_v6(seed: u64) -> &'static str {
    ["2001:db8:????::????", "2a00:1450:4001:????:????:????:????:????", "2606:4700::????:????", "3fff:????::1"]
        [(seed % 4) as usize]
}

/// Contexts of passwords, which are recognised by their assignment.
fn assigned(draw: &mut Draw) -> (String, &'static str) {
    let frames = [
        "password = \"{}\"",
        "DB_PASSWORD={}",
        "\"passwd\": \"{}\",",
        "Password: {}",
        "pwd='{}';",
        "  password: \"{}\"",
    ];
    (draw.fill("*****#!"), frames[draw.below(frames.len())])
}

/// A look-alike that is not personal data.
fn look_alike(draw: &mut Draw) -> String {
    let shapes = "on 20##-0~-1#|at 1#:4#:3#|on 1#.0~.20##|12/1#/19##|ISBN 978-3-16-######-#|ISBN 0-306-#####-#|\
        order 23##-####-##|order number ##########|invoice 4###############|version 1#.1#.1#.4|\
        v2.##.1##.7|Firefox/1##.0.1.2|section 1.2.#.4|1.3.6.1.4.1.####|\
        commit ????????????????????????????????????????|md5 ????????????????????????????????|\
        ????????-????-4???-a???-????????????|52.######, 13.######|-33.######,151.######|1,###,###,###|\
        $ 1#,###.##|3.14159#######|17########|17###########|19##-20##|pages 1##-1##|10.0.#.1##|\
        192.168.#.1##|::1|std::sort|00:1a:??:??:??:??|icon@2x.png|pkg@1.#.#|@user###|password: string|\
        token = tokenizer.encode(text)|password=password|\"password\": \"required\"|\
        api_key = os.environ[\"KEY\"]|secret: a story|sk-learn-like-names|DE## ist kurz|task-4111|\
        §~~~-~~~-####|ticket 0##-###-####|arXiv:20##.#####|doi 10.1038/s41586-020-####-#|\
        25# 30# 41# 52# 63#|1 2 3 4 5 6 7 8 9|RFC 2####|1024x768|4111 1111 1111 1112|0.4#########|\
        1e-#####|IMEI 35#############|GB## WEST|0x########|eyJ in base64|Basic knowledge of 12 languages|\
        Bearer bonds of 1998|max_token: 4096|zip 9####-####|EMP-12";
    let shape = draw.choice(shapes);
    draw.fill(shape)
}

#[test]
fn precision_and_recall_by_class() {
    let mut draw = Draw(11);
    let mut text = String::new();
    let mut truth = Vec::new();
    let filler = [
        "the river rose again",
        "nothing else was said",
        "they walked on",
        "a long winter came",
        "we agreed",
    ];
    for round in 0..12_000 {
        text.push_str(draw.one(&filler));
        text.push_str(". ");
        if round % 3 > 0 {
            text.push_str(&look_alike(&mut draw));
        } else {
            let class = Class::ALL[draw.below(Class::ALL.len())];
            let (value, frame) = if class == Class::Secret && draw.below(2) == 0 {
                assigned(&mut draw)
            } else {
                planted(&mut draw, class)
            };
            let (head, tail) = frame.split_once("{}").unwrap();
            text.push_str(head);
            truth.push(Finding { class, start: text.len(), end: text.len() + value.len() });
            text.push_str(&value);
            text.push_str(tail);
        }
        text.push_str(if draw.below(4) == 0 { "\n" } else { ". " });
    }
    let found = detector(&Settings {
        names: vec!["Ada Lovelace".into(), "Grace Hopper".into(), "Zoë".into(), "Nikola Tesla".into()],
        patterns: vec![r"\bEMP-\d{4}\b".into()],
        ..Settings::default()
    })
    .find(&text);
    let mut failures = Vec::new();
    for &class in Class::ALL {
        let planted: Vec<_> = truth.iter().filter(|finding| finding.class == class).collect();
        let claimed: Vec<_> = found.iter().filter(|finding| finding.class == class).collect();
        // A finding must cover all of it, since a remaining part is a leak.
        let covers =
            |found: &&Finding, planted: &Finding| found.start <= planted.start && found.end >= planted.end;
        let missed: Vec<_> =
            planted.iter().filter(|one| !claimed.iter().any(|found| covers(found, one))).collect();
        let wrong: Vec<_> =
            claimed.iter().filter(|found| !planted.iter().any(|one| covers(found, one))).collect();
        let recall = 1.0 - missed.len() as f64 / planted.len() as f64;
        let precision = 1.0 - wrong.len() as f64 / claimed.len().max(1) as f64;
        println!("{}: {} planted, recall {recall:.4}, precision {precision:.4}", class.name(), planted.len());
        let show = |list: Vec<Finding>| {
            let around = |one: &Finding| {
                text[..one.end]
                    .chars()
                    .rev()
                    .take(50)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect::<String>()
            };
            list.iter().take(8).map(around).collect::<Vec<_>>()
        };
        assert!(planted.len() > 300);
        if recall < 0.98 || precision < 0.95 {
            let own = |list: Vec<&&Finding>| show(list.into_iter().map(|one| **one).collect());
            failures.push((class, own(missed), own(wrong)));
        }
    }
    assert!(failures.is_empty(), "missed and wrong: {failures:#?}");
}
