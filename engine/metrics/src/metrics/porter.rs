//! Porter's stemmer (1980) with NLTK's changes (mode `NLTK_EXTENSIONS`, used by rouge-score): irregular words, "ies" and "ied" in
//! words of four letters, y only after a consonant, "alli" before the rest of step 2, "fulli" and "logi".

const IRREGULAR: &str = "sky=sky skies=sky dying=die lying=lie tying=tie news=news innings=inning inning=inning outings=outing outing=outing \
    cannings=canning canning=canning howe=howe proceed=proceed exceed=exceed succeed=succeed";

const STEP_2: &str = "ational=ate tional=tion enci=ence anci=ance izer=ize bli=ble alli=al entli=ent eli=e ousli=ous ization=ize ation=ate ator=ate \
    alism=al iveness=ive fulness=ful ousness=ous aliti=al iviti=ive biliti=ble fulli=ful";

const STEP_3: &str = "icate=ic ative= alize=al iciti=ic ical=ic ful= ness=";

const STEP_4: &str =
    "al= ance= ence= er= ic= able= ible= ant= ement= ment= ent= ou= ism= ate= iti= ous= ive= ize=";

fn pairs(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.split(' ').filter_map(|pair| pair.split_once('='))
}

pub(super) fn stem(word: &str) -> String {
    if let Some((_, stem)) = pairs(IRREGULAR).find(|(irregular, _)| *irregular == word) {
        return stem.to_owned();
    }
    if word.len() <= 2 {
        return word.to_owned();
    }
    let word = step_2(step_1c(step_1b(step_1a(word))));
    step_5(step_4(replace(word, STEP_3, 0)))
}

/// Whether each letter is a consonant: any except a, e, i, o, u, and except y after a consonant.
fn consonants(word: &str) -> impl Iterator<Item = bool> {
    word.bytes().scan(false, |before, letter| {
        *before = match letter {
            b'a' | b'e' | b'i' | b'o' | b'u' => false,
            b'y' => !*before,
            _ => true,
        };
        Some(*before)
    })
}

/// Number of vowel–consonant transitions.
fn measure(stem: &str) -> usize {
    consonants(stem).zip(consonants(stem).skip(1)).filter(|(first, second)| !first && *second).count()
}

fn ends_in_consonant(stem: &str) -> bool {
    consonants(stem).last().unwrap_or(false)
}

fn ends_in_double_consonant(stem: &str) -> bool {
    let mut letters = stem.bytes().rev();
    matches!((letters.next(), letters.next()), (Some(a), Some(b)) if a == b) && ends_in_consonant(stem)
}

/// Whether it ends in consonant, vowel, and a consonant other than w, x, y; or consists of a vowel and a consonant.
fn ends_in_short_syllable(stem: &str) -> bool {
    let kinds: Vec<bool> = consonants(stem).collect();
    match kinds.as_slice() {
        [false, true] => true,
        [.., true, false, true] => !stem.ends_with(['w', 'x', 'y']),
        _ => false,
    }
}

/// Applies the first rule whose suffix matches, if the measure of the rest is above `least`.
fn replace(word: String, rules: &str, least: usize) -> String {
    let found = pairs(rules).find_map(|(suffix, by)| Some((word.strip_suffix(suffix)?, by)));
    match found {
        Some((stem, by)) if measure(stem) > least => format!("{stem}{by}"),
        _ => word,
    }
}

/// Plurals.
fn step_1a(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}{}", if word.len() == 4 { "ie" } else { "i" });
    }
    match word.strip_suffix('s') {
        Some(stem) if word.ends_with("sses") => stem.trim_end_matches('e').to_owned(),
        Some(stem) if !word.ends_with("ss") => stem.to_owned(),
        _ => word.to_owned(),
    }
}

/// Past tenses and participles.
fn step_1b(word: String) -> String {
    if let Some(stem) = word.strip_suffix("ied") {
        return format!("{stem}{}", if word.len() == 4 { "ie" } else { "i" });
    }
    if let Some(stem) = word.strip_suffix("eed") {
        return if measure(stem) > 0 { format!("{stem}ee") } else { word };
    }
    let stem = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing"));
    let Some(stem) = stem.filter(|stem| consonants(stem).any(|consonant| !consonant)) else {
        return word;
    };
    if ["at", "bl", "iz"].iter().any(|end| stem.ends_with(end)) {
        return format!("{stem}e");
    }
    if ends_in_double_consonant(stem) {
        let stays = stem.ends_with(['l', 's', 'z']);
        return stem[..stem.len() - usize::from(!stays)].to_owned();
    }
    let short = measure(stem) == 1 && ends_in_short_syllable(stem);
    format!("{stem}{}", if short { "e" } else { "" })
}

fn step_1c(word: String) -> String {
    match word.strip_suffix('y') {
        Some(stem) if stem.len() > 1 && ends_in_consonant(stem) => format!("{stem}i"),
        _ => word,
    }
}

fn step_2(word: String) -> String {
    if let Some(stem) = word.strip_suffix("alli")
        && measure(stem) > 0
    {
        return step_2(format!("{stem}al"));
    }
    if let Some(stem) = word.strip_suffix("ogi")
        && word.ends_with("logi")
    {
        // The l counts as part of the stem: short ones such as "geo" are stems too.
        return if measure(stem) > 0 { format!("{stem}og") } else { word };
    }
    replace(word, STEP_2, 0)
}

fn step_4(word: String) -> String {
    if let Some(stem) = word.strip_suffix("ion") {
        return if stem.ends_with(['s', 't']) && measure(stem) > 1 { stem.to_owned() } else { word };
    }
    replace(word, STEP_4, 1)
}

/// Final e and double l.
fn step_5(word: String) -> String {
    let word = match word.strip_suffix('e') {
        Some(stem) if measure(stem) > 1 || (measure(stem) == 1 && !ends_in_short_syllable(stem)) => {
            stem.to_owned()
        }
        _ => word,
    };
    match word.strip_suffix('l') {
        Some(stem) if stem.ends_with('l') && measure(stem) > 1 => stem.to_owned(),
        _ => word,
    }
}
