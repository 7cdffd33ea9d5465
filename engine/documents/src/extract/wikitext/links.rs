//! The text of a link: its label, its target, or nothing.

use super::{TAKEN, is_listed};

/// Names, in lower case, of the namespaces whose links are not part of a sentence: files and categories, in the languages of
/// the largest Wikipedias. The reader of a dump translates those of its own wiki to English.
const GONE: &str = "file|image|media|category|datei|bild|kategorie|fichier|catégorie|archivo|imagen|categoría|ficheiro|arquivo|imaxe|\
    imagem|categoria|immagine|bestand|afbeelding|categorie|plik|grafika|kategoria|файл|изображение|категория|зображення|категорія|выява|\
    катэгорыя|картинка|датотека|слика|категорија|податотека|datoteka|slika|kategorija|sličica|ファイル|画像|カテゴリ|文件|檔案|图像|圖像|\
    分类|分類|파일|그림|분류|fil|billede|bilde|kategori|mynd|flokkur|tiedosto|kuva|luokka|pilt|fail|kategooria|attēls|kategorija|vaizdas|\
    soubor|obrázek|súbor|obrázok|kategória|dosya|resim|fayl|şəkil|kateqoriya|turkum|сурет|санат|fájl|kép|fișier|fişier|imagine|categorie|\
    fitxer|imatge|fitxategi|irudi|kategoria|αρχείο|εικόνα|κατηγορία|קובץ|תמונה|קטגוריה|ملف|صورة|تصنيف|پرونده|تصویر|رده|فائل|زمرہ|चित्र|\
    श्रेणी|वर्ग|চিত্র|ফাইল|বিষয়শ্রেণী|படிமம்|பகுப்பு|దస్త్రం|బొమ్మ|వర్గం|പ്രമാണം|ചിത്രം|വർഗ്ഗം|ไฟล์|ภาพ|หมวดหมู่|tập tin|hình|thể loại|berkas|\
    gambar|imej|պատկեր|կատեգորիա|ფაილი|კატეგორია|dosiero|kategorio|fasciculus|imago|skeda|figura|delwedd|íomhá|catagóir|lêer|beeld|picha|\
    jamii|talaksan|larawan";

/// Replaces the link written from `start` on by its text; `label` is the position of its first `|`.
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
        if !result.ends_with(TAKEN) {
            result.push(TAKEN);
        }
        return;
    }
    match label {
        // `[[Mercury (planet)|]]` displays `Mercury`.
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
