//! File formats, detected by extension and checked against the first bytes.

use super::open::Items;
use super::record::Context;
use super::unpack::{Counter, Stream};
use super::{Item, code, html, json, json_lines, parquet, pdf, records, table, text, warc, word, xml};
use crate::document::Kind;
use crate::files::Input;
use crate::readers::Readers;
use glasshouse_protocol::file_kind;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Plain text, with `<|endoftext|>` lines between documents.
    Text,
    /// Markdown, with or without front matter.
    Markdown,
    Html,
    /// A page of an electronic book: all of it is content.
    Chapter,
    /// One JSON value: an array of records, one record, or an object with an array per field.
    Json,
    /// One JSON record per line.
    JsonLines,
    Csv,
    Tsv,
    Parquet,
    Code(String),
    /// A web crawl (WARC) or its extracted text (WET).
    Warc,
    /// A dump of MediaWiki or Stack Exchange, distinguished by the root element.
    Xml,
    Pdf,
    Word,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    #[default]
    Plain,
    /// gzip, with one or more members.
    Gzip,
    /// Zstandard, with one or more frames.
    Zstandard,
    /// bzip2, with one or more streams, as in Wikipedia's dumps.
    Bzip2,
}

impl Packing {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "nothing",
            Self::Gzip => "gzip",
            Self::Zstandard => "Zstandard",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// A format's properties.
pub(super) struct Row {
    /// Extensions.
    endings: &'static str,
    pub format: Format,
    pub name: &'static str,
    /// The first bytes; empty if any may be there.
    magic: &'static [u8],
    /// Whether every file starts with them. A PDF may have bytes before its mark.
    pub needs_magic: bool,
    /// Whether it is never packed as a whole, since it is packed inside and needs random access.
    pub is_packed: bool,
    pub reader: Reader,
}

/// A function that reads a format.
pub(super) enum Reader {
    /// From a file with random access, in a browser by this module.
    Module(&'static str, fn(Context, Box<dyn Input>, &Arc<Counter>) -> Items),
    /// From a file with random access.
    File(fn(Context, Box<dyn Input>, &Arc<Counter>) -> Items),
    /// From the unpacked bytes.
    Bytes(fn(&Context, Vec<u8>, Option<Readers>) -> Item),
    /// From the unpacked stream.
    Stream(fn(Context, Stream, Option<Readers>) -> Items),
    /// From the unpacked stream in UTF-8.
    Text(fn(Context, Stream, Option<Readers>) -> io::Result<Items>),
}

const TEXT: Row = Row {
    endings: "txt text log rst",
    format: Format::Text,
    name: "text",
    magic: b"",
    needs_magic: false,
    is_packed: false,
    reader: Reader::Text(|context, stream, _| Ok(Box::new(text::Text::new(context, stream)))),
};

const FORMATS: &[Row] = &[
    TEXT,
    Row { endings: "md markdown mdx", format: Format::Markdown, name: "Markdown", ..TEXT },
    Row {
        endings: "html htm xhtml",
        format: Format::Html,
        name: "HTML",
        reader: Reader::Bytes(|context, bytes, readers| html::page(context, Kind::Html, bytes, readers)),
        ..TEXT
    },
    Row {
        endings: "",
        format: Format::Chapter,
        name: "a chapter",
        reader: Reader::Bytes(|context, bytes, readers| {
            html::page(context, Kind::HtmlFragment, bytes, readers)
        }),
        ..TEXT
    },
    Row {
        endings: "json",
        format: Format::Json,
        name: "JSON",
        reader: Reader::Text(|context, stream, _| {
            Ok(records::items(context, |context| json::Json::new(context, stream)))
        }),
        ..TEXT
    },
    Row {
        endings: "jsonl ndjson",
        format: Format::JsonLines,
        name: "JSONL",
        reader: Reader::Text(|context, stream, _| {
            Ok(records::items(context, |context| json_lines::JsonLines::new(context, stream)))
        }),
        ..TEXT
    },
    Row { endings: "csv", format: Format::Csv, name: "CSV", reader: TABLE, ..TEXT },
    Row { endings: "tsv tab", format: Format::Tsv, name: "TSV", reader: TABLE, ..TEXT },
    Row {
        endings: "parquet",
        format: Format::Parquet,
        name: "Parquet",
        magic: b"PAR1",
        needs_magic: true,
        is_packed: true,
        reader: Reader::Module("parquet", parquet::items),
    },
    Row {
        endings: "warc wet",
        format: Format::Warc,
        name: "WARC",
        magic: b"WARC/",
        needs_magic: true,
        reader: Reader::Stream(|context, stream, readers| {
            records::items(context, |_| warc::Warc::new(stream, readers))
        }),
        ..TEXT
    },
    Row { endings: "xml", format: Format::Xml, name: "XML", reader: Reader::Text(xml::dump), ..TEXT },
    Row {
        endings: "pdf",
        format: Format::Pdf,
        name: "PDF",
        magic: b"%PDF-",
        needs_magic: false,
        is_packed: true,
        reader: Reader::Module("pdf", pdf::items),
    },
    Row {
        endings: "docx",
        format: Format::Word,
        name: "Word",
        magic: b"PK\x03\x04",
        needs_magic: true,
        is_packed: true,
        reader: Reader::File(|context, file, _| word::items(&context, file)),
    },
];

const TABLE: Reader = Reader::Text(|context, stream, _| {
    Ok(records::items(context, |context| table::TableReader::new(context, stream)))
});

/// Source code; [`LANGUAGES`] has its extensions.
static CODE: Row = Row {
    endings: "",
    name: "code",
    reader: Reader::Text(|context, stream, _| Ok(code::items(&context, stream))),
    ..TEXT
};

impl Format {
    pub(super) fn row(&self) -> &'static Row {
        let is = |row: &&Row| std::mem::discriminant(&row.format) == std::mem::discriminant(self);
        FORMATS.iter().find(is).unwrap_or(&CODE)
    }
}

impl Row {
    pub(super) fn begins(&self, head: &[u8]) -> bool {
        !self.magic.is_empty() && head.starts_with(self.magic)
    }

    /// Its first bytes in a message.
    pub(super) fn mark(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(
            self.magic.trim_ascii_end().split(|byte| *byte < b' ').next().unwrap_or_default(),
        )
    }
}

/// Programming languages, in The Stack's and GitHub linguist's spelling but lower case, and their extensions.
const LANGUAGES: &str = "ada=ada assembly=asm shell=bash,sh,zsh c=c,h c++=cc,cpp,cxx,hpp clojure=clj cmake=cmake c#=cs css=css \
    cuda=cu dart=dart emacs-lisp=el erlang=erl elixir=ex,exs fortran=f90 f#=fs go=go groovy=gradle,groovy \
    haskell=hs ini=ini java=java julia=jl javascript=js,jsx,mjs kotlin=kt,kts less=less common-lisp=lisp \
    lua=lua objective-c=m ocaml=ml,mli nim=nim nix=nix pascal=pas php=php perl=pl,pm protocol-buffer=proto \
    powershell=ps1 python=py,pyi r=r ruby=rb racket=rkt rust=rs sass=sass scala=scala scheme=scm scss=scss \
    solidity=sol sql=sql systemverilog=sv swift=swift tcl=tcl tex=tex toml=toml typescript=ts,tsx \
    verilog=v visual-basic=vb vhdl=vhd vim-script=vim vue=vue webassembly=wat wgsl=wgsl yaml=yaml,yml \
    zig=zig";

const PACKINGS: &[(&str, Packing)] = &[
    ("gz", Packing::Gzip),
    ("gzip", Packing::Gzip),
    ("zst", Packing::Zstandard),
    ("zstd", Packing::Zstandard),
    ("bz2", Packing::Bzip2),
];

/// Refused extensions, with advice.
const REFUSED: &[(&str, &str)] = &[
    ("7z rar tar tgz", "an archive; unpack it and name its folder"),
    ("xz", "packed with xz; unpack it, or pack it with gzip or Zstandard"),
    ("br", "packed with Brotli; unpack it, or pack it with gzip or Zstandard"),
    ("lz4", "packed with LZ4; unpack it, or pack it with gzip or Zstandard"),
    ("doc odt rtf", "a word processor's file; export it as .docx, PDF, HTML or text"),
    ("epub mobi", "an electronic book; convert it to EPUB (not in an archive), HTML or text"),
    ("xls xlsx ods", "a spreadsheet; export it as CSV"),
    ("wat", "the metadata of a crawl without its pages; take its .warc or .wet file"),
    ("mht mhtml", "a web archive of a browser; save the page as HTML"),
    ("ipynb", "a notebook; export it as Markdown"),
    ("arrow feather", "an Arrow file; save it as Parquet"),
    ("pickle pkl", "a Python pickle, which can run code when it is read; save it as Parquet or JSONL"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The format, if the extension before the packing is known.
    pub format: Option<Format>,
    pub packing: Packing,
    /// The name without the recognised extensions.
    pub stem: String,
}

pub(super) fn named(name: &str) -> Result<Named, String> {
    let mut stem = name;
    let mut packing = Packing::Plain;
    while let Some((rest, ending)) = split(stem)
        && let Some((_, found)) = PACKINGS.iter().find(|(known, _)| *known == ending)
    {
        // The last extension is the outermost packing.
        if packing == Packing::Plain {
            packing = *found;
        }
        stem = rest;
    }
    let Some((rest, ending)) = split(stem) else {
        return Ok(Named { format: None, packing, stem: stem.to_owned() });
    };
    if let Some((_, what)) = REFUSED.iter().find(|(known, _)| known.split(' ').any(|known| known == ending)) {
        return Err(format!("a file ending in .{ending} is {what}"));
    }
    let is = |row: &&Row| row.endings.split(' ').any(|known| known == ending);
    let format = FORMATS.iter().find(is).map(|row| row.format.clone());
    let language = || {
        let mut languages = LANGUAGES.split(' ').filter_map(|language| language.split_once('='));
        languages.find(|(_, endings)| endings.split(',').any(|known| known == ending))
    };
    let format = format.or_else(|| language().map(|(name, _)| Format::Code(name.to_owned())));
    let stem = match &format {
        // Common Crawl's `.warc.wet.gz`.
        Some(Format::Warc) => rest.strip_suffix(".warc").unwrap_or(rest),
        Some(_) => rest,
        None => stem,
    };
    Ok(Named { format, packing, stem: stem.to_owned() })
}

/// The extension in lower case, and the rest of the name.
fn split(name: &str) -> Option<(&str, String)> {
    let (stem, ending) = name.rsplit_once('.')?;
    (!stem.is_empty() && !ending.is_empty()).then(|| (stem, ending.to_ascii_lowercase()))
}

pub(super) fn known() -> String {
    let names = FORMATS.iter().flat_map(|row| row.endings.split_whitespace());
    let names: Vec<String> = names.map(|name| format!(".{name}")).collect();
    format!(
        "supported are {}, source code, any of these with .gz, .zst or .bz2, .epub and .zip",
        names.join(", ")
    )
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    Packed(Packing),
    /// Certainly of this format.
    Is(Format),
    Refused(&'static str),
}

/// Inspects a file's first bytes; a private key may be preceded by some kilobytes of attributes.
pub(super) fn signature(head: &[u8]) -> Option<Signature> {
    if head.starts_with(&[0x1f, 0x8b]) {
        return Some(Signature::Packed(Packing::Gzip));
    }
    let magic = head.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    if magic.is_some_and(|magic| magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50) {
        return Some(Signature::Packed(Packing::Zstandard));
    }
    // A level digit and the mark of a block or of the end; the first three letters alone also start words.
    let block = head.get(4..10);
    if head.starts_with(b"BZh")
        && head.get(3).is_some_and(u8::is_ascii_digit)
        && (block == Some(b"1AY&SY") || block == Some(b"\x17\x72\x45\x38\x50\x90"))
    {
        return Some(Signature::Packed(Packing::Bzip2));
    }
    if let Some(what) = file_kind::refused(head) {
        return Some(Signature::Refused(what));
    }
    if let Some(row) = FORMATS.iter().find(|row| row.begins(head)) {
        return Some(Signature::Is(row.format.clone()));
    }
    page(head).then_some(Signature::Is(Format::Html))
}

fn page(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let starts = |mark: &[u8]| head.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    starts(b"<!doctype html") || starts(b"<html")
}
