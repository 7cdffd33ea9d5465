//! PDF files: their text is taken at once, since what they are written in is no text.
//!
//! `hayro-syntax` reads the file: its objects, streams and encryption; `hayro-cmap` the tables of its fonts. Ours is what those leave: which
//! letters a page draws and where (`content`, `font`), lines in the order of reading (`layout`), and prose of the lines (`prose`).

mod content;
mod font;
mod layout;
mod prose;

use super::lines::whole;
use super::open::{self, Items};
use super::record::Context;
use super::settings::Limits;
use super::unpack::{CHUNK, Counter, counted};
use crate::document::{Document, Kind};
use crate::fields;
use crate::files::Input;
use content::{Budget, Fault, Fonts};
use encoding_rs::{UTF_16BE, WINDOWS_1252};
use flate2::read::ZlibDecoder;
use glasshouse_protocol::quantity;
use hayro_syntax::object::{Dict, String as PdfString};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Bytes in which the mark of a PDF stands.
const HEAD: usize = 1024;

/// Pages of the longest document.
const PAGES: usize = 100_000;

/// The document of a file.
pub(super) fn items(context: Context, file: Box<dyn Input>, counter: &Arc<Counter>) -> Items {
    let limit = context.settings.limits.pdf;
    match document(&context, file, counter) {
        Ok(Some((document, troubles))) => {
            let troubles = troubles.into_iter().map(move |reason| Err(context.trouble(None, reason)));
            Box::new(std::iter::once(Ok(document)).chain(troubles))
        }
        Ok(None) => open::one(Err(context.too_long(None, "the file", "pdf", limit))),
        Err(reason) => open::one(Err(context.trouble(None, reason))),
    }
}

/// The document, with what of the file could not be read; none where the file is too long.
fn document(
    context: &Context,
    file: Box<dyn Input>,
    counter: &Arc<Counter>,
) -> Result<Option<(Document, Vec<String>)>, String> {
    let mut stream = BufReader::with_capacity(CHUNK, counted(file, counter));
    let limit = context.settings.limits.pdf;
    let Some(bytes) = whole(&mut stream, limit).map_err(|error| open::broken(&error))? else {
        return Ok(None);
    };
    let head = bytes.get(..HEAD.min(bytes.len())).unwrap_or_default();
    if memchr::memmem::find(head, b"%PDF-").is_none() {
        return Err("is not a PDF (no %PDF- header); rename it by what it is".to_owned());
    }
    weigh(&bytes, &context.settings.limits)?;
    // The library has its checks; where it panics in spite of them, that is an error like any other. In a browser it ends its module.
    catch_unwind(AssertUnwindSafe(|| read(context, bytes)))
        .unwrap_or_else(|_| Err(broken("it contradicts itself")))
        .map(Some)
}

fn broken(error: impl std::fmt::Display) -> String {
    format!("is a broken PDF: {error}; save it anew with the program that made it")
}

/// Whether what is packed in a file unpacks to no more than the limits allow. The library unpacks a stream as a whole, so this goes before it.
fn weigh(bytes: &[u8], limits: &Limits) -> Result<(), String> {
    let is_zlib = |start: [u8; 2]| start[0] & 15 == 8 && u16::from_be_bytes(start).is_multiple_of(31);
    let mut left = most(bytes.len(), limits);
    for at in memchr::memmem::find_iter(bytes, b"stream") {
        let (before, after) = (bytes.get(at.saturating_sub(1024)..at), bytes.get(at + 6..));
        let before = before.unwrap_or_default();
        let dict = before.get(memchr::memmem::rfind(before, b"obj").unwrap_or(0)..).unwrap_or_default();
        let says = |name: &[u8]| memchr::memmem::find(dict, name).is_some();
        // Pictures are never unpacked.
        if before.ends_with(b"end") || says(b"/Image") && !says(b"/ObjStm") && !says(b"/XRef") {
            continue;
        }
        let data = after.unwrap_or_default().trim_ascii_start();
        // What is packed several times over is unpacked so.
        for layers in 0..4 {
            let layers = || {
                let plain: Box<dyn Read + '_> = Box::new(data);
                (0..layers).fold(plain, |packed, _| Box::new(ZlibDecoder::new(packed)))
            };
            let mut start = [0; 2];
            if layers().read_exact(&mut start).is_err() || !is_zlib(start) {
                break;
            }
            let mut unpacked = ZlibDecoder::new(layers()).take(left.saturating_add(1));
            // What is broken on the way is found again where it matters.
            let size = io::copy(&mut unpacked, &mut io::sink()).unwrap_or(0);
            left = left.checked_sub(size).ok_or_else(|| {
                let most = most(bytes.len(), limits) >> 20;
                format!("unpacks to more than {most} MiB; if it should, raise reading.limits.expansion")
            })?;
        }
    }
    Ok(())
}

/// Bytes that a file of so many may unpack to, and of content that is gone through.
fn most(size: usize, limits: &Limits) -> u64 {
    limits.expansion_free.max(limits.expansion.saturating_mul(size as u64))
}

fn read(context: &Context, bytes: Vec<u8>) -> Result<(Document, Vec<String>), String> {
    let left = most(bytes.len(), &context.settings.limits);
    let says_encrypted = memchr::memmem::find(&bytes, b"/Encrypt").is_some();
    let file = Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            "is encrypted with a password; save a copy without it".to_owned()
        }
        LoadPdfError::Decryption(_) => {
            "is encrypted in a way that is not read; save a copy without it".to_owned()
        }
        // Without its index nothing tells the two apart.
        LoadPdfError::Invalid if says_encrypted => {
            "is encrypted with a password, or broken; save a copy without it".to_owned()
        }
        LoadPdfError::Invalid => broken("no pages are found in it"),
    })?;
    let count = file.pages().len();
    let mut fonts = Fonts::default();
    let mut budget = Budget { left, codes: 0, unknown: 0 };
    let (mut pages, mut failed, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for (index, page) in file.pages().iter().take(PAGES).enumerate() {
        // A page that cannot be read costs itself.
        let (fragments, fault) = content::fragments(page, &mut fonts, &mut budget);
        pages.push(layout::lines(fragments));
        match fault {
            None => {}
            Some(Fault::Content) => failed.push((index + 1).to_string()),
            Some(Fault::Budget) => {
                troubles.push(format!(
                    "takes more work than its size allows on page {} of {count}, and the rest is not read; raise \
                     reading.limits.expansion",
                    index + 1
                ));
                break;
            }
        }
    }
    if !failed.is_empty() {
        let named = failed.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
        let more = if failed.len() > 10 { ", …" } else { "" };
        troubles.push(format!(
            "has broken content on {} of {count} ({named}{more}); save it anew with the program that made it",
            quantity::counted(failed.len() as u64, "page")
        ));
    }
    if budget.unknown * 20 > budget.codes {
        troubles.push(format!(
            "does not say which letters {} % of its glyphs are, and they are left out; recognise its text, or export it anew",
            budget.unknown * 100 / budget.codes
        ));
    }
    let text = prose::prose(&pages);
    if text.trim().is_empty() {
        troubles.insert(
            0,
            format!(
                "is a PDF without text ({}); if they are scanned, recognise their text first",
                quantity::counted(count as u64, "page")
            ),
        );
        return Err(troubles.join("; it "));
    }
    let metadata = file.metadata();
    let title =
        metadata.title.as_deref().map(said).and_then(|title| fields::short(&title).map(str::to_owned));
    let date = metadata
        .creation_date
        .and_then(|date| fields::day(&format!("{:04}{:02}{:02}", date.year, date.month, date.day)));
    let root = file.xref().get::<Dict<'_>>(file.xref().root_id());
    let language = root
        .and_then(|root| root.get::<PdfString<'_>>("Lang"))
        .and_then(|language| fields::language(&said(&language)));
    Ok((Document { title, date, language, ..context.document(None, Kind::Plain, text) }, troubles))
}

/// A string of a PDF: UTF-16 behind its mark, else UTF-8 or Latin-1.
fn said(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, ..] => UTF_16BE.decode_with_bom_removal(bytes).0.into_owned(),
        _ => String::from_utf8(bytes.to_vec())
            .unwrap_or_else(|_| WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()),
    }
}
