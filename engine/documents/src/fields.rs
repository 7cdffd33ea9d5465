//! Normalises metadata of records: licences, languages, dates and genres.

use chrono::{Datelike as _, NaiveDate};
use rustc_hash::FxHashMap;
use std::sync::LazyLock;
use whatlang::Lang;

/// Maximum bytes of a short field.
const MAX_BYTES: usize = 200;

/// A short value as a field of a document: trimmed; `None` if it is empty, too long or contains control characters.
pub fn short(value: &str) -> Option<&str> {
    let value = value.trim();
    let fits = !value.is_empty() && value.len() <= MAX_BYTES && !value.chars().any(char::is_control);
    fits.then_some(value)
}

/// The languages of the web by ISO 639-1 and 639-3 code; Chinese, Persian and Norwegian as identified: Mandarin, Iranian
/// Persian and Bokmål.
const LANGUAGES: &str = "af afr ak aka am amh ar ara az aze be bel bg bul bn ben bs bos ca cat cs ces cy cym da dan de deu el ell en eng \
    eo epo es spa et est eu eus fa pes fi fin fr fra ga gle gl glg gu guj ha hau he heb hi hin hr hrv hu hun hy hye id ind is isl it ita \
    ja jpn jv jav ka kat kk kaz km khm kn kan ko kor ku kur ky kir la lat lb ltz lo lao lt lit lv lav mg mlg mk mkd ml mal mn mon mr mar \
    ms msa mt mlt my mya no nob nb nob ne nep nl nld nn nno or ori pa pan pl pol ps pus pt por ro ron ru rus sd snd si sin sk slk sl slv \
    sn sna so som sq sqi sr srp sv swe sw swa ta tam te tel tg tgk th tha tk tuk tl tgl tr tur tt tat ug uig uk ukr ur urd uz uzb vi vie \
    xh xho yi yid yo yor zh cmn zu zul";

pub fn languages() -> impl Iterator<Item = (&'static str, &'static str)> {
    LANGUAGES.split(' ').zip(LANGUAGES.split(' ').skip(1)).step_by(2)
}

/// A language as ISO 639-3, from a two-letter or three-letter code with or without a region, or an English name. Unknown values
/// are returned in lower case.
pub fn language(value: &str) -> Option<String> {
    let value = short(value)?.to_ascii_lowercase();
    let code = value.split(['-', '_', ' ', '.']).next().unwrap_or_default();
    if let Some((_, long)) = languages().find(|(short, _)| *short == code) {
        return Some(long.to_owned());
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

/// Licences by key: SPDX's short and full names, and common spellings.
static LICENCES: LazyLock<FxHashMap<String, &str>> = LazyLock::new(|| {
    let own = "MIT mitlicence|Apache-2.0 apache2|CC0-1.0 cc0|CC-BY ccby|CC-BY-SA ccbysa|ODC-By-1.0 odcby|Public-Domain publicdomain";
    let own =
        own.split('|').filter_map(|pair| pair.split_once(' ')).map(|(name, written)| (key(written), name));
    let known = spdx::identifiers::LICENSES.iter();
    known
        .flat_map(|known| [known.full_name, known.name].map(|name| (key(name), known.name)))
        .chain(own)
        .collect()
});

/// A licence's name in lower case without spaces and punctuation.
fn key(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The SPDX name of a known licence, also from Creative Commons addresses; else the original text.
pub fn licence(value: &str) -> Option<String> {
    let value = short(value)?;
    creative_commons(value).or_else(|| Some((*LICENCES.get(&key(value)).unwrap_or(&value)).to_owned()))
}

/// The Creative Commons licence or dedication of an address, also of one in a sentence.
pub fn creative_commons(text: &str) -> Option<String> {
    let parts = text.split(|letter: char| letter.is_whitespace() || "()[]<>{}\"'|,;".contains(letter));
    parts.map(|part| part.trim_matches('.')).find_map(creative_commons_at)
}

fn creative_commons_at(address: &str) -> Option<String> {
    let address = address.to_ascii_lowercase();
    let address =
        ["https:", "http:"].into_iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(&address);
    let (host, path) = address.strip_prefix("//").unwrap_or(address).split_once('/')?;
    let host = host.trim_end_matches(":443").trim_end_matches(":80");
    if !matches!(host, "creativecommons.org" | "www.creativecommons.org") {
        return None;
    }
    let mut parts = path.split(['/', '?', '#']);
    let name = match (parts.next()?, parts.next()?) {
        ("licenses", "publicdomain") | ("publicdomain", "mark") => return Some("Public-Domain".to_owned()),
        ("licenses", name) => format!("cc{name}"),
        ("publicdomain", "zero") => "cc0".to_owned(),
        _ => return None,
    };
    LICENCES.get(&key(&(name + parts.next()?))).map(|name| (*name).to_owned())
}

/// A date: only the day if the value starts with one in ISO 8601, else the original text.
pub fn date(value: &str) -> Option<String> {
    let value = short(value)?;
    day(value).or_else(|| Some(value.to_owned()))
}

/// The day at the start of a value in one of ISO 8601's forms, as `2024-05-01`.
pub fn day(value: &str) -> Option<String> {
    let ways = [(10, "%Y-%m-%d"), (10, "%Y/%m/%d"), (8, "%Y%m%d")];
    let day = ways.into_iter().find_map(|(length, way)| {
        let (day, behind) = value.trim_start().split_at_checked(length)?;
        // Seconds since 1970 have more digits.
        let ends = !behind.starts_with(|next: char| next.is_ascii_digit());
        NaiveDate::parse_from_str(day, way).ok().filter(|_| ends)
    })?;
    (1000..3000).contains(&day.year()).then(|| day.to_string())
}

const GENRES: &str = "academic=academic,papers article=article,articles blog=blog,blogs book=book,books \
    conversation=chat,chats,conversations,dialogue,dialogues code=code drama=drama,plays \
    mail=email,emails,mail,mails encyclopedia=encyclopedia,wiki,wikipedia fiction=fiction,novels,stories \
    forum=forum,forums legal=law,legal letter=letters news=news poetry=poems,poetry recipe=recipes \
    review=reviews speech=speeches subtitle=subtitles textbook=textbooks web=web";

pub fn genre_of_folders(folders: &[String]) -> Option<String> {
    let known = |folder: &String| {
        let folder = folder.to_ascii_lowercase();
        let mut genres = GENRES.split(' ').filter_map(|genre| genre.split_once('='));
        genres
            .find(|(_, names)| names.split(',').any(|name| name == folder))
            .map(|(genre, _)| genre.to_owned())
    };
    folders.iter().rev().find_map(known)
}
