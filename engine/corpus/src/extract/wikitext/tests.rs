use proptest::prelude::*;

use super::prose;

#[test]
fn an_article() {
    let text = r"{{Short description|Rise and fall of the sea}}
{{Infobox event
| name = Tide
| image = [[File:Tide.jpg|thumb|A [[beach]] at low tide]]
| height = {{convert|6.8|m|ft|abbr=on}}
}}
[[File:Bay.jpg|thumb|right|The [[Bay of Fundy]], where tides are ''high'']]
'''Tides''' ({{IPA-en|taɪdz}}; from [[Old English]] ''tīd'') are the rise and fall of [[sea level]]s<ref name=a>{{cite book|title=Tides}}</ref>
caused by the [[Gravity|gravitational forces]] of the [[Moon]]{{citation needed}}, and of the [[Sun]].<ref name=a/>

The ''d'Alembert'' solution ({{lang|fr|marée}}) holds for the function sin() of <math> \omega t </math>&nbsp;. See [https://example.org/tides the atlas] [https://example.org].

== History ==
<!-- needs work -->
* Ancient [[Greece]]
** [[Pytheas of Massalia|]] and [[Mercury (planet)|]]
* {{flagicon|UK}} Newton
# first
# second
; Term
: meaning

=== Empty ===
{{main|Nothing}}
== Measurement == <!-- comment -->
{| class=wikitable
! Port !! Height
|-
| Dover || {{nowrap|6.8 m}}
{|
| nested
|}
|}
Measured in <small>metres</small>.<br>Since 1831.
<syntaxhighlight lang=python>
if [[x]]:
    {{y}}
</syntaxhighlight>
The markup <nowiki>'''[[stays]]'''</nowiki>. __NOTOC__
----
== References ==
{{reflist}}
<references />
== External links ==
{{Commons}}
[[Category:Tides]] [[Kategorie:Gezeiten]] [[fr:Marée]] [[zh-yue:潮]]
";
    let expected = r"Tides (from Old English tīd) are the rise and fall of sea levels
caused by the gravitational forces of the Moon, and of the Sun.

The d'Alembert solution holds for the function sin() of $\omega t$ . See the atlas .

## History

- Ancient Greece
  - Pytheas of Massalia and Mercury
- Newton
1. first
2. second
Term
meaning

## Measurement

Measured in metres.
Since 1831.

```
if [[x]]:
    {{y}}
```

The markup '''[[stays]]'''.";
    assert_eq!(prose(text).replace('\u{A0}', " "), expected);
}

#[test]
fn links() {
    assert_eq!(
        prose("[[cat]]s, [[Dog|hounds]], [[:Category:Fish]], [[wikt:word|a word]]"),
        "cats, hounds, Category:Fish, a word"
    );
    assert_eq!(prose("[[Datei:A.png|mini|Text [[b]] und ([[c]])]]x"), "x");
    assert_eq!(prose("a [[b"), "a b");
    assert_eq!(prose("a]] b] [c]"), "a]] b] [c]");
    assert_eq!(prose("[http://a.b/c label [[inner]]] [mailto:x@y z]"), "label inner z");
}

#[test]
fn redirects_hold_nothing() {
    assert_eq!(prose("#REDIRECT [[Tide]]"), "");
    assert_eq!(prose("#Weiterleitung: [[Tide]]\n[[Category:X]]"), "");
    assert_eq!(prose("# an [[item]]"), "1. an item");
}

#[test]
fn apostrophes_and_braces() {
    assert_eq!(prose("''i'' '''b''' '''''bi''''' l''''amour'' d'or"), "i b bi l'amour d'or");
    assert_eq!(prose("a{{b{{c}}d}}e{{{1|x}}}f{{{{g}}}}h{i}j}}k"), "aefh{i}j}}k");
    assert_eq!(prose("a {{unclosed\nb"), "a unclosed\nb");
    assert_eq!(prose("= One = two\n=\n==\n===x===y"), "= One = two\n=\n==\n===x===y");
}

#[test]
fn deep_and_endless_wikitext() {
    let pieces = "{{¦}}¦[[¦]]¦[[a|¦{|\n¦\n|}¦<ref>¦<ref¦<!--¦<math>¦</¦'¦[http://x ¦{{{¦}}}¦__¦= ¦\n=x=¦\n* ¦(¦\u{1}¦({{a}}\
                  ¦\n#¦<nowiki>¦[[File:a|¦&amp¦<¦\n:{|";
    let pieces: Vec<&str> = pieces.split('¦').collect();
    for piece in &pieces {
        let text = format!("before {} after", piece.repeat(300_000));
        assert!(prose(&text).len() <= text.len() * 5, "{piece}");
        for other in &pieces {
            let text = format!("{}{}", piece.repeat(5_000), other.repeat(5_000));
            assert!(prose(&text).len() <= text.len() * 8 + 10, "{piece}{other}");
        }
    }
    let deep = format!("a{}b{}c", "{{x|[[y|".repeat(100_000), "]]}}".repeat(100_000));
    assert_eq!(prose(&deep), "ac");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_wikitext_is_read(pieces in prop::collection::vec(prop_oneof![
        prop::sample::select(vec![
            "{{", "}}", "{{{", "}}}", "[[", "]]", "[", "]", "|", "{|", "|}", "\n", "'''", "''", "==", "=", "<ref>", "</ref>", "<ref/>", "<br>",
            "<!--", "-->", "<nowiki>", "</nowiki>", "<pre>", "</pre>", "http://a ", "*", "#", ":", "File:", "Category:", "fr:", "__TOC__", "(",
            ")", "&amp;", "\u{1}", " ", "é", "中",
        ]).prop_map(str::to_owned),
        "[a-z]{0,5}",
        "\\PC{0,3}",
    ], 0..60)) {
        let text = pieces.concat();
        let result = prose(&text);
        prop_assert!(!result.contains(super::TAKEN));
        prop_assert!(!result.contains("\n\n\n"));
    }
}
