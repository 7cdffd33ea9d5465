//! What records say of themselves, brought to one spelling: licences, languages, dates and genres.

use whatlang::Lang;

/// Letters of a short field that are kept; a longer value is no name.
const LONGEST: usize = 200;

/// A short value as a field of a document: trimmed; none where it is empty, long or holds control characters.
pub(super) fn short(value: &str) -> Option<&str> {
    let value = value.trim();
    let fits = !value.is_empty() && value.len() <= LONGEST && !value.chars().any(char::is_control);
    fits.then_some(value)
}

/// The languages of the web by their names in ISO 639-1 and 639-3; Chinese, Persian and Norwegian as they are identified, as Mandarin,
/// Iranian Persian and Bokmål.
const LANGUAGES: &str = "af afr ak aka am amh ar ara az aze be bel bg bul bn ben bs bos ca cat cs ces cy cym da dan de deu el ell en eng \
    eo epo es spa et est eu eus fa pes fi fin fr fra ga gle gl glg gu guj ha hau he heb hi hin hr hrv hu hun hy hye id ind is isl it ita \
    ja jpn jv jav ka kat kk kaz km khm kn kan ko kor ku kur ky kir la lat lb ltz lo lao lt lit lv lav mg mlg mk mkd ml mal mn mon mr mar \
    ms msa mt mlt my mya nb nob ne nep nl nld nn nno no nob or ori pa pan pl pol ps pus pt por ro ron ru rus sd snd si sin sk slk sl slv \
    sn sna so som sq sqi sr srp sv swe sw swa ta tam te tel tg tgk th tha tk tuk tl tgl tr tur tt tat ug uig uk ukr ur urd uz uzb vi vie \
    xh xho yi yid yo yor zh cmn zu zul";

/// A language as ISO 639-3, from a code of two or three letters, with or without a region, or an English name. What is not
/// known stays as it is, in lower case.
pub(crate) fn language(value: &str) -> Option<String> {
    let value = short(value)?.to_ascii_lowercase();
    let code = value.split(['-', '_', ' ', '.']).next().unwrap_or_default();
    let mut names = LANGUAGES.split_ascii_whitespace();
    while let (Some(short), Some(long)) = (names.next(), names.next()) {
        if short == code {
            return Some(long.to_owned());
        }
    }
    if code.len() == 3 {
        // Chinese and Persian are identified as Mandarin and Iranian Persian.
        return Some(match code {
            "zho" | "chi" => "cmn".to_owned(),
            "fas" | "per" => "pes".to_owned(),
            _ => code.to_owned(),
        });
    }
    let named = Lang::all().iter().find(|language| language.eng_name().eq_ignore_ascii_case(&value));
    Some(named.map_or(value, |language| language.code().to_owned()))
}

/// Names of licences beside their SPDX name, in lower case without spaces and punctuation.
const LICENCES: &[(&str, &str)] = &[
    ("mit", "MIT"),
    ("mitlicense", "MIT"),
    ("mitlicence", "MIT"),
    ("apache2", "Apache-2.0"),
    ("apache20", "Apache-2.0"),
    ("apachelicense20", "Apache-2.0"),
    ("bsd2clause", "BSD-2-Clause"),
    ("bsd3clause", "BSD-3-Clause"),
    ("isc", "ISC"),
    ("mpl20", "MPL-2.0"),
    ("unlicense", "Unlicense"),
    ("theunlicense", "Unlicense"),
    ("cc0", "CC0-1.0"),
    ("cc010", "CC0-1.0"),
    ("publicdomain", "Public-Domain"),
    ("publicdomainmark10", "Public-Domain"),
    ("ccby", "CC-BY"),
    ("ccby20", "CC-BY-2.0"),
    ("ccby25", "CC-BY-2.5"),
    ("ccby30", "CC-BY-3.0"),
    ("ccby40", "CC-BY-4.0"),
    ("ccbysa", "CC-BY-SA"),
    ("ccbysa20", "CC-BY-SA-2.0"),
    ("ccbysa25", "CC-BY-SA-2.5"),
    ("ccbysa30", "CC-BY-SA-3.0"),
    ("ccbysa40", "CC-BY-SA-4.0"),
    ("ccbync40", "CC-BY-NC-4.0"),
    ("ccbyncsa40", "CC-BY-NC-SA-4.0"),
    ("ccbynd40", "CC-BY-ND-4.0"),
    ("ccbyncnd40", "CC-BY-NC-ND-4.0"),
    ("odcby", "ODC-By-1.0"),
    ("odcby10", "ODC-By-1.0"),
    ("odbl10", "ODbL-1.0"),
];

/// A licence by its SPDX name where it is a known one, also from Creative Commons' addresses; else as it stands.
pub(super) fn licence(value: &str) -> Option<String> {
    let value = short(value)?;
    let deed = value.split_once("creativecommons.org/").map(|(_, path)| path.trim_matches('/'));
    let plain = match deed.and_then(|path| path.split_once('/')) {
        Some(("licenses", path)) => {
            let mut parts = path.split('/');
            format!("cc{}{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        }
        Some(("publicdomain", path)) if path.starts_with("zero") => "cc0".to_owned(),
        Some(("publicdomain", _)) => "publicdomain".to_owned(),
        _ => value.to_owned(),
    };
    let key: String =
        plain.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    let known = LICENCES.iter().find(|(known, _)| *known == key);
    Some(known.map_or(value, |(_, name)| name).to_owned())
}

/// A date: the day alone where the value starts with one as ISO 8601 writes it, else as it stands.
pub(super) fn date(value: &str) -> Option<String> {
    let value = short(value)?;
    let day = value.get(..10).filter(|day| {
        day.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    });
    Some(day.unwrap_or(value).to_owned())
}

/// Folder names that say a genre.
const GENRES: &[(&str, &str)] = &[
    ("academic", "academic"),
    ("article", "article"),
    ("articles", "article"),
    ("blog", "blog"),
    ("blogs", "blog"),
    ("book", "book"),
    ("books", "book"),
    ("chat", "conversation"),
    ("chats", "conversation"),
    ("code", "code"),
    ("conversations", "conversation"),
    ("dialogue", "conversation"),
    ("dialogues", "conversation"),
    ("drama", "drama"),
    ("email", "mail"),
    ("emails", "mail"),
    ("encyclopedia", "encyclopedia"),
    ("fiction", "fiction"),
    ("forum", "forum"),
    ("forums", "forum"),
    ("law", "legal"),
    ("legal", "legal"),
    ("letters", "letter"),
    ("mail", "mail"),
    ("mails", "mail"),
    ("news", "news"),
    ("novels", "fiction"),
    ("papers", "academic"),
    ("plays", "drama"),
    ("poems", "poetry"),
    ("poetry", "poetry"),
    ("recipes", "recipe"),
    ("reviews", "review"),
    ("speeches", "speech"),
    ("stories", "fiction"),
    ("subtitles", "subtitle"),
    ("textbooks", "textbook"),
    ("web", "web"),
    ("wiki", "encyclopedia"),
    ("wikipedia", "encyclopedia"),
];

/// The genre that a folder's name says, the innermost first.
pub(super) fn genre_of_folders(folders: &[String]) -> Option<String> {
    let known = |folder: &String| {
        let folder = folder.to_ascii_lowercase();
        GENRES.iter().find(|(name, _)| *name == folder).map(|(_, genre)| (*genre).to_owned())
    };
    folders.iter().rev().find_map(known)
}
