//! Words that punctuation rules would split wrongly: contractions, abbreviations with a full stop, and emoticons.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

use crate::rules::hash::hash;

const MAX_BYTES: usize = 16;

/// Pronouns and similar words, and their contractions; a space marks a split. Each is known with and without apostrophes, and
/// capitalised.
const JOINED: [(&str, &str); 12] = [
    ("i", "'m|'m a"),
    ("i you he she it we they", "'ll|'ll 've|'d|'d 've"),
    ("i you we they", "'ve"),
    ("you we they", "'re"),
    ("he she it", "'s"),
    ("who what when where why how there that this", "'s"),
    ("who what when where why how there that this these those", "'ll|'ll 've|'d|'d 've"),
    ("who what when where why how there these those", "'re|'ve"),
    ("ca could do does did had may might must need ought sha should wo would", "n't|n't 've"),
    ("could might must should would", "'ve"),
    ("ai are is was were have has dare", "n't"),
    ("not", "'ve"),
];

/// Forms without an apostrophe that are other words.
const WORDS_OF_THEIR_OWN: &str = "ill its hell shell shed were well whore";

/// Further split words; each is known capitalised too.
const CUT: &str = "can not|gon na|got ta|let 's|c'm on|how 'd 'y";

/// Split words that are never capitalised.
const CUT_SMALL: &str = "y' all|y all";

/// Words with an apostrophe or a slash that are not split; each is known capitalised too.
const WHOLE: &str = "ma'am o'clock lovin' havin' doin' goin' nothin' nuthin' ol' somethin'";

/// Words that are not split, in exactly this form.
const WHOLE_AS_WRITTEN: &str = "'s 'S 're 'd 'll 'em 'nuff 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout and/or w/o \
    ' '' \\\") <space> C++ \\t \\n ‘s ‘S";

/// Abbreviations that include their full stop.
const ABBREVIATIONS: &str = "Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. \
    Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. Sep. Sept. Tenn. \
    Va. Wash. Wis. N.C. N.D. N.H. N.J. N.M. N.Y. S.C. D.C. a.m. p.m. e.g. E.g. E.G. i.e. I.e. I.E. v.s. vs. Adm. Bros. co. \
    Co. Corp. Dr. Gen. Gov. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. Ph.D. Prof. Rep. Rev. Sen. St. ä. ö. ü.";

/// Emoticons without a pattern.
const FACES: &str = "8) 8-) (-8 ;) ;-) (; (-; ;D ;-D 8D 8-D xD XD xDD XDD :o) (o: :') :'-) :'( :'-( >:( >:o :() ^_^ ^__^ \
    ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<) (*_*) =) =( =] =[ ]= [= \
    (= =/ =| =3 =D (: (-: [: [-: ): )-: :1";

/// The lengths of a special's pieces in bytes, padded with 0.
pub(super) type Cuts = [u8; 3];

struct Special {
    text: Box<str>,
    cuts: Cuts,
}

pub(super) struct Specials {
    by_hash: FxHashMap<u64, Special>,
}

impl Specials {
    /// The shared table, created on first use.
    pub(super) fn get() -> &'static Self {
        static TABLE: OnceLock<Specials> = OnceLock::new();
        TABLE.get_or_init(Self::new)
    }

    pub(super) fn cuts(&self, word: &str) -> Option<Cuts> {
        if word.len() > MAX_BYTES {
            return None;
        }
        self.cuts_of_hash(word, hash(word.as_bytes()))
    }

    /// Like [`Self::cuts`], with a known hash.
    pub(super) fn cuts_of_hash(&self, word: &str, hash: u64) -> Option<Cuts> {
        let special = self.by_hash.get(&hash)?;
        (*special.text == *word).then_some(special.cuts)
    }

    fn new() -> Self {
        let mut table = Self { by_hash: FxHashMap::default() };
        for (words, endings) in JOINED {
            for word in words.split(' ') {
                for ending in endings.split('|') {
                    table.add_both_cases(&format!("{word} {ending}"));
                    let bare = format!("{word} {}", ending.replace('\'', ""));
                    let joined = bare.replace(' ', "");
                    if !WORDS_OF_THEIR_OWN.split(' ').any(|own| own == joined) {
                        table.add_both_cases(&bare);
                    }
                }
            }
        }
        CUT.split('|').for_each(|word| table.add_both_cases(word));
        CUT_SMALL.split('|').for_each(|word| table.add(word));
        WHOLE.split(' ').for_each(|word| table.add_both_cases(word));
        for words in [WHOLE_AS_WRITTEN, ABBREVIATIONS, FACES] {
            words.split(' ').filter(|word| !word.is_empty()).for_each(|word| table.add(word));
        }
        ('a'..='z').for_each(|letter| table.add(&format!("{letter}.")));
        for hour in 1..=12 {
            ["a.m.", "am", "p.m.", "pm"].iter().for_each(|half| table.add(&format!("{hour} {half}")));
        }
        for degree in ["c", "f", "k", "C", "F", "K"] {
            table.add(&format!("° {degree} ."));
        }
        for nose in ["", "-"] {
            for mouth in ") )) ))) ( (( ((( ] } / | P p O o 0 * 3 > X x D".split(' ') {
                table.add(&format!(":{nose}{mouth}"));
            }
        }
        for (left, right) in
            ["oo", "oO", "Oo", "OO", "0o", "o0", "00"].iter().filter_map(|eyes| eyes.split_at_checked(1))
        {
            ["_", "."].iter().for_each(|nose| table.add(&format!("{left}{nose}{right}")));
        }
        table
    }

    fn add_both_cases(&mut self, pieces: &str) {
        self.add(pieces);
        let mut characters = pieces.chars();
        if let Some(first) = characters.next() {
            self.add(&format!("{}{}", first.to_ascii_uppercase(), characters.as_str()));
        }
    }

    /// Adds a word, split at spaces; and once more with typographic apostrophes.
    fn add(&mut self, pieces: &str) {
        for pieces in [pieces.to_owned(), pieces.replace('\'', "’")] {
            let mut cuts = [0; 3];
            for (cut, piece) in cuts.iter_mut().zip(pieces.split(' ')) {
                *cut = u8::try_from(piece.len()).unwrap_or(u8::MAX);
            }
            let text = pieces.replace(' ', "");
            self.by_hash.insert(hash(text.as_bytes()), Special { text: text.into(), cuts });
        }
    }
}
