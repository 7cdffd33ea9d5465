//! Findings, texts without findings, and the resulting text.

mod planted;
mod properties;

use super::*;
use glasshouse_documents::files::SystemFiles;

pub(super) fn detector(settings: &Settings) -> Detector {
    Detector::new(settings, &SystemFiles).unwrap()
}

/// The result with the default settings and a change.
fn applied(text: &str, change: impl FnOnce(&mut Settings)) -> Applied {
    let mut settings = Settings::default();
    change(&mut settings);
    detector(&settings).apply(text)
}

/// The text after processing with the default settings.
fn replaced(text: &str) -> String {
    applied(text, |_| {}).text.unwrap_or_else(|| text.to_owned())
}

#[track_caller]
fn replaces(text: &str, expected: &str) {
    assert_eq!(replaced(text), expected);
}

#[track_caller]
fn keeps(text: &str) {
    assert_eq!(replaced(text), text);
}

#[test]
fn emails_are_replaced_and_what_only_has_an_at_sign_stays() {
    replaces("Write to jane.doe+news@mail.example.co.uk.", "Write to <EMAIL>.");
    replaces("<jane@example.com>, 'j_d@host.io'", "<<EMAIL>>, '<EMAIL>'");
    replaces("mailto:jane@example.com?subject=x", "mailto:<EMAIL>?subject=x");
    replaces("Müller: jörg@müller.de", "Müller: <EMAIL>");
    replaces("请联系abc@qq.com谢谢", "请联系<EMAIL>谢谢");
    keeps("icon@2x.png and a@b and @handle and me @ home.com and left-pad@1.3.0");
    keeps("git clone git@github.com:owner/name and @media print");
}

#[test]
fn addresses_are_replaced_and_versions_sections_and_private_ones_stay() {
    replaces("Seen from 203.0.113.77:8080 and 8.8.4.200.", "Seen from <IP_ADDRESS>:8080 and <IP_ADDRESS>.");
    replaces("my IP is 1.2.3.4", "my IP is <IP_ADDRESS>");
    replaces("at 2001:4860:4860::8888: open", "at <IP_ADDRESS>: open");
    replaces(
        "http://[2a00:1450:4001:81b::200e]:80/ and http://91.198.174.192/",
        "http://[<IP_ADDRESS>]:80/ and http://<IP_ADDRESS>/",
    );
    for word in
        ["version", "the updated server", "release", "section", "order", "id", "build node", "#1 of", ""]
    {
        replaces(&format!("the {word} 81.2.69.142, then"), &format!("the {word} <IP_ADDRESS>, then"));
    }
    replaces("resolved by 8.8.8.8 and 1.1.1.1", "resolved by <IP_ADDRESS> and <IP_ADDRESS>");
    keeps("version 1.2.3.4, upgraded from 11.2.0.4 and Chrome/99.0.48.51");
    keeps("1.2.3.4 Scope, OID 1.3.6.1.4.1.311, v4.12.200.1, 300.1.2.3");
    keeps("192.168.1.20, 10.0.0.1, 127.0.0.1, ::1, fe80::1, 172.20.1.9");
    keeps("std::vector, a::b, 12:30:45, 00:1a:2b:3c:4d:5e, 2024:12:01");
    let everything = applied("10.11.12.130 fe80::aa", |settings| settings.private_addresses = true);
    assert_eq!(everything.text.unwrap(), "<IP_ADDRESS> <IP_ADDRESS>");
}

#[test]
fn phone_numbers_are_replaced_and_other_numbers_stay() {
    replaces("+1 (555) 123-4567, +44 20 7946 0958.", "<PHONE>, <PHONE>.");
    replaces("(+49) 30 1234567 or 0049 30 1234567", "<PHONE> or <PHONE>");
    replaces("(212) 555-0187; 212.555.0187; 1-800-555-0199", "<PHONE>; <PHONE>; <PHONE>");
    replaces("020 7946 0958, 06 12 34 56 78, 0221/1234567", "<PHONE>, <PHONE>, <PHONE>");
    replaces("Tel.: 5551234567, call 555-0123 now", "Tel.: <PHONE>, call <PHONE> now");
    replaces("+49\u{a0}30\u{a0}1234567", "<PHONE>");
    replaces("+81 3-1234-2000 or 03-1234-2000", "<PHONE> or <PHONE>");
    keeps("ISBN 978-3-16-148410-0, order 234-567-8901, #555-123-4567");
    keeps("2024-05-01 10:30:00, 01.02.2024, 12/31/1999, 1700000000, 3.14159265358979");
    keeps("52.520008, 13.404954 and 1,234,567,890 and 192837465 and $555-123-4567");
    keeps("called on 12.05.2024 and called in 1998-2004 7");
    keeps(
        "called the Terror (1789-1799), then called 1066–1087, from 01.05.1871-10.05.1871 and 05/1939-09/1945",
    );
    keeps("12:00 30.05.2024, called 23:00 20.12.2024, 12:30:00 2024-05-12 and 2024-05-30 00:15:00 12");
    keeps("call of 30/05/24 09.15, then called 5-12-24 0915, and a call on 24.05.30 9 15");
    keeps("mobile sales in 2018 2019 2020, calls of 2010 2015 2020 2025, and called 1848 1849 1850");
    replaces("call 01/23/45/67/89, at 12:00 555-123-4567", "call <PHONE>, at 12:00 <PHONE>");
    keeps("open 01.02.2019 - 03.04.2020, 2019-05-01 - 2020-06-30, 09-11-1889 – 12-11-1889");
}

#[test]
fn social_security_numbers_are_identifiers() {
    replaces("Her social security number is 078-05-1120.", "Her social security number is <IDENTIFIER>.");
    replaces("SSN: 219 09 9999, (ssn 219099999)", "SSN: <IDENTIFIER>, (ssn <IDENTIFIER>)");
    replaces("call security at 555-123-4567", "call security at <PHONE>");
    keeps("part 219-09-9999 and order 219099999");
}

#[test]
fn cards_and_accounts_pass_their_checks_or_stay() {
    replaces("4111 1111 1111 1111 12/26", "<CARD> 12/26");
    replaces("Amex 3782-822463-10005, 5555555555554444", "Amex <CARD>, <CARD>");
    replaces("my ref 4111 1111 1111 1111.", "my ref <CARD>.");
    replaces("41 11 11 11 11 11 11 11, 411111 1111111111, 4111 11111111 1111", "<CARD>, <CARD>, <CARD>");
    replaces("3782 822463 10005; 378 282 246 310 005", "<CARD>; <CARD>");
    keeps("41 11 11 11 11 11 11 12, 17 41 11 11 11 11 11 11 11 and 41 11 11 11 11 11 11 11 23");
    replaces("DE89 3704 0044 0532 0130 00 and GB82WEST12345698765432.", "<IBAN> and <IBAN>.");
    replaces("nl91abna0417164300", "<IBAN>");
    keeps("4111 1111 1111 1112, order 4111111111111111, 0.4111111111111111, 411111-1111-111111");
    replaces("BR15 0000 0000 0000 1093 2840 814P 2, FR1420041010050500013M02606", "<IBAN>, <IBAN>");
    keeps("DE88 3704 0044 0532 0130 00, XX89 3704 0044 0532 0130 00, DE89 3704");
}

#[test]
fn secrets_are_replaced_and_code_about_them_stays() {
    let key = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8";
    replaces(&format!("ghp_{key} sk-ant-api03-{key}"), "<SECRET> <SECRET>");
    replaces("id AKIAIOSFODNN7EXAMPLE.", "id <SECRET>.");
    replaces("password = \"hunter2!\"; PGPASSWORD=letmein", "password = \"<SECRET>\"; PGPASSWORD=<SECRET>");
    replaces("{\"api_key\": \"9f86d081884c7d659a2feaa0c55ad015\"}", "{\"api_key\": \"<SECRET>\"}");
    replaces("https://bob:s3cr3t@db.internal.net/x", "https://<SECRET>@db.internal.net/x");
    replaces("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic <SECRET>");
    replaces(&format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{key}"), "<SECRET>");
    let body = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn\n".repeat(4);
    replaces(
        &format!("a\n-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\nb"),
        "a\n<SECRET>\nb",
    );
    replaces(&format!("a\n-----BEGIN PRIVATE KEY-----\n{body}\nAnd so on."), "a\n<SECRET>\nAnd so on.");
    keeps(
        "password = request.form[\"password\"]; token = tokenizer.next(); password: String, PWD=/home/user1",
    );
    keeps(
        "Password: must have 8 characters. The token: a word. password = getpass(), secret = os.environ['S1']",
    );
    keeps(
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b, sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4, task-list-of-12",
    );
    keeps("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----");
}

#[test]
fn keys_of_clouds_are_found_with_a_label_and_without() {
    // None of these was ever issued; they are joined here so that secret scanners do not report them.
    let random = "kX9vQ2mLw7RtB4nYc8ZpJ1sHd6FgT3aUe5oWiN0xVbKqMzEyrPhSlDuGfCjAoI2tQ4v8RnYw7LpXcZk3";
    let of = |length: usize| random.get(..length).unwrap();
    let letters = "qWeRtYuIoPaSdFgHjKlZxCvBnMqWErTyUI";
    for secret in [
        format!("AK{}", "IAIOSFODNN7EXAMPLE"),
        format!("AB{}", "IAIOSFODNN7EXAMPLE"),
        format!("{}/{}", of(20), &random[20..39]),
        format!("{}+{}==", of(40), &random[35..80]),
        format!("8Q8{}Q~{}", "8", of(32)),
        format!("AIza{}", of(35)),
        format!("1//0{}", of(40)),
        format!("hf_{letters}"),
        format!("ghp_{}", of(36)),
        format!("xoxe-{}", of(20)),
        format!("sk_live_{}", of(24)),
        format!("sk-proj-{}", of(48)),
        format!("hvs.{}", of(30)),
    ] {
        replaces(&format!("then {secret} was used"), "then <SECRET> was used");
        replaces(&format!("\"{secret}\","), "\"<SECRET>\",");
    }
    let account = format!("AccountName=me;AccountKey={};EndpointSuffix=x", of(44));
    replaces(&account, "AccountName=me;AccountKey=<SECRET>;EndpointSuffix=x");
    replaces(&format!("SharedAccessKey={}=", of(43)), "SharedAccessKey=<SECRET>");
    replaces(&format!("?sv=2024&sig={}%3D", of(43)), "?sv=2024&sig=<SECRET>");
    let putty = format!(
        "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{}\nPrivate-MAC: {}\n",
        of(43),
        of(40)
    );
    replaces(&format!("a\n{putty}b"), "a\n<SECRET>\nb");
    keeps(&format!("sha512-{}+{}==", of(40), &random[35..80]));
    keeps("src/components/Button1/IconButtonDefault and modules/Network2Layer/HttpClientFactory");
    keeps("da39a3ee5e6b4b0d3255bfef95601890afd80709 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");
    keeps("AThingWithAVeryLongNameThatSomeoneWrote1 AbstractSingletonProxyFactoryBeanBuilders");
}

#[test]
fn secrets_are_looked_for_in_time_by_the_length_of_the_text() {
    let detector = detector(&Settings::default());
    let parts = "pwd=a1|token=a1|sk-|eyJ-|secret:|xoxb-a|Bearer|password:\"|AKIA/|Q~1|pwd='a1\"pwd=\"|\
        -----BEGIN PRIVATE KEY-----";
    for part in parts.split('|') {
        let looked_at = |length: usize| {
            let text = part.repeat(length / part.len());
            detector.scan_counting(&text).1 as f64 / text.len() as f64
        };
        let (short, long) = (looked_at(1 << 16), looked_at(1 << 20));
        assert!(long <= 12.0 && long <= 1.5 * short + 1.0, "{part:?}: {short} and {long} looks at each byte");
    }
}

#[test]
fn listed_names_are_whole_words_in_any_case() {
    let list = |settings: &mut Settings| {
        settings.names = vec!["Jane Doe".into(), "Jane".into(), "Zoë".into(), "王小明".into()];
        settings.identifiers = vec!["ACME-17".into()];
        settings.patterns = vec![r"EMP-\d{4}".into()];
    };
    let text = applied("JANE DOE, Jane Does, Janet, ZOË; acme-17 but ACME-170, EMP-1234. 我是王小明吗", list)
        .text
        .unwrap();
    assert_eq!(
        text,
        "<NAME>, <NAME> Does, Janet, <NAME>; <IDENTIFIER> but ACME-170, <IDENTIFIER>. 我是<NAME>吗"
    );
    let exact = applied("jane, Jane", |settings| {
        settings.names = vec!["Jane".into()];
        settings.ignore_case = false;
    });
    assert_eq!(exact.text.unwrap(), "jane, <NAME>");
}

#[test]
fn lists_are_read_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.txt");
    std::fs::write(&path, "\u{feff}# people\n\nAda Lovelace\r\n").unwrap();
    let settings = Settings { names_file: Some(path.clone()), ..Settings::default() };
    assert_eq!(detector(&settings).apply("by Ada Lovelace").text.unwrap(), "by <NAME>");
    std::fs::write(&path, "x".repeat(300)).unwrap();
    let refused = Detector::new(&settings, &SystemFiles).unwrap_err().to_string();
    assert!(refused.contains("names.txt") && refused.contains("at most 256"), "{refused}");
}

#[test]
fn actions_by_class() {
    let text = "jane@example.com, 4111 1111 1111 1111";
    let masked = applied(text, |settings| {
        settings.email = Action::Mask;
        settings.card = Action::Mask;
    });
    assert_eq!(masked.text.unwrap(), "j•••@•••.com, •••• •••• •••• ••••");
    let kept = applied(text, |settings| settings.email = Action::Keep);
    assert_eq!(kept.text.unwrap(), "jane@example.com, <CARD>");
    assert_eq!(kept.counts, Counts::from([(Class::Card, 1), (Class::Email, 1)]));
    let dropped = applied(text, |settings| settings.card = Action::Drop);
    assert_eq!((dropped.text, dropped.dropped), (None, Some(Class::Card)));
    let off = applied(text, |settings| settings.enabled = false);
    assert_eq!(off, Applied::default());
}

#[test]
fn samples_and_excerpts_show_shapes_only() {
    let applied = applied("Ask jane@example.com or joe@example.com,\nor call +49 30 1234567.", |_| {});
    let samples: Vec<_> =
        applied.samples.iter().map(|sample| (sample.class, sample.excerpt.as_str())).collect();
    let line = "Ask j•••@•••.com or j•••@•••.com, or call +•• •• •••••••.";
    assert_eq!(samples, [(Class::Email, line), (Class::Phone, line.trim_start_matches("Ask "))]);
    assert_eq!(applied.counts, Counts::from([(Class::Email, 2), (Class::Phone, 1)]));

    let kept = detector(&Settings { email: Action::Keep, enabled: false, ..Settings::default() });
    assert_eq!(kept.mask("jane@example.com"), "j•••@•••.com");
    // The address crosses the end.
    assert_eq!(kept.excerpt("Write to jane@example.com today", 14), "Write to j•••@•••.com…");
    assert_eq!(kept.excerpt("short", 14), "short");
    assert_eq!(kept.excerpt("äöüäöü", 3), "äöü…");
}

#[test]
fn records_are_cleaned_to_their_depths() {
    let record = serde_json::json!({ "messages": [{ "role": "user", "content": "I am jane@example.com" }], "turns": 1 });
    let expected =
        serde_json::json!({ "messages": [{ "role": "user", "content": "I am <EMAIL>" }], "turns": 1 });
    let apply = |record: &serde_json::Value, settings: &Settings| {
        detector(settings).apply_record(record.as_object().unwrap())
    };
    let settings = Settings::default();
    assert_eq!(apply(&record, &settings).unwrap().as_ref(), expected.as_object());
    assert_eq!(apply(&expected, &settings), Ok(None));
    assert_eq!(apply(&record, &Settings { email: Action::Drop, ..settings }), Err(Class::Email));
}

#[test]
fn a_replacement_that_bares_another_finding_is_looked_through_again() {
    // Only the name indicates that the address is a version.
    let applied = applied("Version 1.2.3.4", |settings| settings.names = vec!["version".into()]);
    assert_eq!(applied.text.unwrap(), "<NAME> <IP_ADDRESS>");
    assert_eq!(applied.counts, Counts::from([(Class::IpAddress, 1), (Class::Name, 1)]));
}

#[test]
fn settings_are_checked_and_read_from_a_recipe() {
    let settings: Settings = toml::from_str("email = \"mask\"\npatterns = ['EMP-\\d+']").unwrap();
    assert_eq!(settings.email, Action::Mask);
    settings.validate().unwrap();
    assert!(toml::from_str::<Settings>("emial = \"mask\"").is_err());
    let refuses = |patterns: &[&str], names: &[&str]| {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let settings = Settings { patterns: own(patterns), names: own(names), ..Settings::default() };
        settings.validate().unwrap_err().to_string()
    };
    assert!(refuses(&["("], &[]).starts_with("personal.patterns: `(` cannot be used"));
    assert!(refuses(&["a*"], &[]).contains("matches an empty text"));
    assert!(refuses(&[r"\w{1000}{1000}"], &[]).contains("cannot be used"));
    assert!(refuses(&[], &[" "]).starts_with("personal.names: an entry is empty"));
}
