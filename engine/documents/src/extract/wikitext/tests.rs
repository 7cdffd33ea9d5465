use proptest::prelude::*;

fn prose(text: &str) -> String {
    super::prose(text).text
}

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

The d'Alembert solution (marée) holds for the function sin() of $\omega t$ . See the atlas .

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

#[test]
fn plain_templates_are_printed() {
    let cases = [
        ("is {{convert|12|km|mi}} long", "is 12 km long"),
        ("an area of {{convert|93|m|ft|abbr=off|sp=us}} by ten", "an area of 93 m by ten"),
        (
            "{{cvt|3|to|5|km2}}, {{convert|3|-|5|ft|m}}, {{convert|5|ft|11|in|cm}}, {{convert|2|x|4|m}}",
            "3 to 5 km², 3–5 ft, 5 ft 11 in, 2 × 4 m",
        ),
        ("{{formatnum:6000}} and {{nts|5120}} and {{val|3.2|u=kg}}", "6000 and 5120 and 3.2 kg"),
        (
            "{{frac|1|2}}, {{frac|3|1|4}}, {{sfrac|8}}, 10{{sup|-3}}, H{{sub|2}}O, 2{{e|6}}",
            "1/2, 3 1/4, 1/8, 10⁻³, H₂O, 2×10⁶",
        ),
        (
            "{{lang|no|Askvikøy}}, {{lang-no|Havets sang}}, {{langx|de|Meer|lit=sea}}",
            "Askvikøy, Havets sang, Meer",
        ),
        (
            "until {{start date|1904|5|17}}, {{birth date|1904|5|17|df=yes}}, {{death date|1950}}",
            "until May 17, 1904, 17 May 1904, 1950",
        ),
        ("{{nowrap|4,000 ''people''}} left in {{circa|1910}}", "4,000 people left in c. 1910"),
        (
            "by {{sortname|Jane|Doe}}; fell by {{percentage|13|100}}; {{As of|2020|lc=y}}",
            "by Jane Doe; fell by 13%; as of 2020",
        ),
        ("{{w|boat building|boats}} and {{w|ships}}", "boats and ships"),
        (
            "vers {{unité|2000|m}}, le {{date|17|octobre|1973}} au {{s|XIX}}",
            "vers 2000 m, le 17 octobre 1973 au XIXe siècle",
        ),
        ("né en {{date de naissance-|17|octobre|1903}} à Brest", "né en 17 octobre 1903 à Brest"),
        (
            "The {{nihongo|'''Harbour League'''|港リーグ|Minato Rīgu|lead=yes}}",
            "The Harbour League (港リーグ, Minato Rīgu)",
        ),
        ("{{zh|s=灯|t=燈|p=dēng}}, {{ja-r|港}}, {{IPA|/ˈhɑːbər/}}", "灯, 港, /ˈhɑːbər/"),
        ("{{nowrap|{{convert|3|km}} or so}}, {{nowrap|1=a=b}}", "3 km or so, a=b"),
        ("{{quote|Words of another.|Somebody}}", "Words of another."),
    ];
    for (wikitext, expected) in cases {
        let made = super::prose(wikitext);
        assert_eq!((made.text.as_str(), made.templates), (expected, 0), "{wikitext}");
    }
}

#[test]
fn exponents_and_powers_are_printed() {
    for (wikitext, expected) in [
        ("has {{val|9.1|e=-31|u=kg}} of mass", "has 9.1×10⁻³¹ kg of mass"),
        ("at {{val|3|e=8|u=m|up=s}}, {{val|e=6}}, {{val|1.2|0.3}}", "at 3×10⁸ m/s, 10⁶, 1.2 ± 0.3"),
        ("a {{val|1.2|+0.3|-0.2|e=4|ul=K}} b", "a (1.2 +0.3 −0.2)×10⁴ K b"),
        ("10<sup>6</sup> and 3 × 10<sup>&minus;4</sup>, 10{{^|6}} too", "10⁶ and 3 × 10⁻⁴, 10⁶ too"),
        ("{{chem|CO|2}}, {{chem|SO|4|2-}}, {{chem2|H2O}}, <chem>CO2</chem>", "CO₂, SO₄²⁻, H2O, $\\ce{CO2}$"),
        ("x{{su|p=2|b=3}}, {{unité|10|m|2}}, {{unité|3|e=8|m|s|-1}}", "x²₃, 10 m², 3×10⁸ m s⁻¹"),
        ("{{convert|12|e6km|mi}} of [[a|road<sup>2</sup>]]s", "12 million km of road[2]s"),
        ("1<sup>2\n3</sup> <sup>4", "12\n3 4"),
        (
            "2{{frac|1|3}} mile, 7{{sfrac|1|8}}, 5{{times}}6, 3{{prime}}, <s>13</s>14",
            "2 1/3 mile, 7 1/8, 5×6, 3′, 13 14",
        ),
        (
            "{{val|9.8|0.1|u=m/s2}}, {{val|p=~|5|u=m.s-1}}, {{val|1|end=%|p=~}}",
            "9.8 ± 0.1 m/s², ~5 m.s⁻¹, ~1%",
        ),
        (
            "{{val|5.67|e=-8|u=W.m-2.K-4}}, {{val|2|u=gCO2/km}}, {{convert|9.8|m/s2|ft/s2}}, 1{{sup|1}}/{{sub|2}} m",
            "5.67×10⁻⁸ W.m⁻².K⁻⁴, 2 gCO2/km, 9.8 m/s², 1 1/2 m",
        ),
        ("{{floruit|1450|1470}}", "fl. 1450–1470"),
    ] {
        let made = super::prose(wikitext);
        assert_eq!((made.text.as_str(), made.templates), (expected, 0), "{wikitext}");
    }
    // Unknown numbers cost the sentence, also without a space before the template.
    let made = super::prose(
        "First one. About 9{{e|6 to 7}} of it. Some {{val|3|t=5}} too. At 5{{num|6|e=3}}. It has 5{{1/2}} legs. Or {{val|1|-|5}}. It is {{val|12|0.5|errend=%}}. Two.",
    );
    assert_eq!((made.text.as_str(), made.templates, made.sentences), ("First one. Two.", 6, 6));
}

#[test]
fn a_sentence_with_another_template_goes_and_is_counted() {
    let made = super::prose(
        "First one. It has {{population of|Askvik}} people, e.g. St. Olaf. A third{{note of mine}}, said so.{{odd note}} Fourth ({{spoken|x}}).\n\
         * {{odd|a}} item\n* An item\n{{Box\n|a=b\n}}\n{{line of its own}}\n{{Hatnote}}'''Bold''' begins.\n\n船在{{x}}港口。他们看见 {{x}} 了。后来{{注}}，走了{{x}}。",
    );
    assert_eq!(made.text, "First one. A third, said so. Fourth.\n- An item\n\nBold begins.\n\n后来，走了。");
    assert_eq!((made.templates, made.sentences), (4, 4));
    // One inside a table is removed with it.
    let made = super::prose("{|\n| a {{odd}} b\n|}\nText.");
    assert_eq!((made.text.as_str(), made.templates, made.sentences), ("Text.", 0, 0));
}

#[test]
fn one_way_of_writing_is_taken() {
    let text = "'''-{zh-hans:灯塔;zh-hant:燈塔}-'''是-{zh-cn:软件;zh-tw:軟體}-。-{A|zh-hant:資訊;zh-hans:信息;}-写道-{}-，-{H|zh-cn:a;zh-tw:b}-风-{变}-了 x-{y}-z -{{nowrap|a}}";
    assert_eq!(prose(text), "灯塔是软件。信息写道，风变了 x-{y}-z -a");
}

#[test]
fn files_of_other_wikis_go() {
    for link in [
        "Slika:Muha.jpg|mini|Muha",
        "Fitxer:Mosca.jpg|miniatura|Una mosca",
        "Imatge:Mosca.jpg",
        "Fişier:Musca.jpg|thumb|O muscă",
        "Hình:Ruồi.jpg|nhỏ|Con ruồi",
        "ไฟล์:Fly.jpg|thumb|แมลงวัน",
        "Attēls:Muša.jpg|thumb|Muša",
        "Vaizdas:Musė.jpg|thumb|Musė",
        "Pilt:Kärbes.jpg|pisi|Kärbes",
        "Súbor:Mucha.jpg|náhľad|Mucha",
        "Fájl:Légy.jpg|bélyegkép|Egy légy",
    ] {
        assert_eq!(prose(&format!("[[{link}]] After it.")), "After it.", "{link}");
    }
}
