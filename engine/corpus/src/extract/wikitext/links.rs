//! What a link leaves: its label, its target, or nothing.

use super::is_listed;

/// Names, in lower case, of the spaces whose links are no part of the sentence: files and categories, in the languages of the
/// largest Wikipedias.
const GONE: &str = "file|image|media|category|datei|bild|kategorie|fichier|catégorie|archivo|imagen|categoría|ficheiro|\
    imagem|categoria|immagine|bestand|afbeelding|categorie|plik|grafika|kategoria|файл|изображение|\
    категория|зображення|категорія|ファイル|画像|カテゴリ|文件|檔案|图像|圖像|分类|分類|파일|분류|fil|kategori|tiedosto|kuva|luokka|\
    soubor|obrázek|dosya|fájl|kép|kategória|αρχείο|εικόνα|κατηγορία|קובץ|תמונה|קטגוריה|ملف|صورة|تصنيف|\
    پرونده|رده|चित्र|श्रेणी|tập tin|thể loại|berkas|gambar";

/// Replaces what a link wrote from `start` on by what it leaves; `label` is where its first `|` stands.
pub(super) fn close(result: &mut String, start: usize, label: Option<usize>) {
    let target = result.get(start..label.unwrap_or(result.len())).unwrap_or_default().trim();
    let shown = target.strip_prefix(':');
    let space = target.split_once(':').map(|(space, _)| space.trim());
    if shown.is_none()
        && let Some(space) = space
        && (space.len() < 40 && is_listed(GONE, &space.to_lowercase())
            || label.is_none() && is_language(space))
    {
        result.truncate(start);
        return;
    }
    match label {
        // `[[Mercury (planet)|]]` shows `Mercury`.
        Some(label) if result.get(label + 1..).is_some_and(|text| text.trim().is_empty()) => {
            let name = target.rsplit_once(':').map_or(target, |(_, name)| name);
            let name = name.split_once(" (").map_or(name, |(name, _)| name).to_owned();
            result.truncate(start);
            result.push_str(&name);
        }
        Some(label) => drop(result.drain(start..=label)),
        None => {
            if shown.is_some() {
                result.drain(start..=start);
            }
        }
    }
}

/// Whether a link's prefix is another language's wiki: `fr`, `ceb`, `zh-yue`, `simple`.
fn is_language(space: &str) -> bool {
    let letters =
        |part: &str| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase());
    space == "simple"
        || space.split_once('-').map_or(letters(space), |(language, rest)| {
            letters(language)
                && rest.len() <= 10
                && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        })
}
