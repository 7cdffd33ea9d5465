//! Pages on their way from the library's reader to its decoder, which takes some of what they say for granted.

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// Pages that are looked at before they are decoded.
pub(super) struct Checked {
    inner: Box<dyn PageReader>,
    kind: Type,
    dictionary: bool,
}

impl Checked {
    /// Looks at the pages of a column of this physical type.
    pub(super) fn new(inner: Box<dyn PageReader>, kind: Type) -> Self {
        Self { inner, kind, dictionary: false }
    }

    fn check(&mut self, page: &Page) -> Result<()> {
        let encoding = match page {
            Page::DictionaryPage { .. } => {
                self.dictionary = true;
                return Ok(());
            }
            Page::DataPage { encoding, def_level_encoding, rep_level_encoding, .. } => {
                if *def_level_encoding != Encoding::RLE || *rep_level_encoding != Encoding::RLE {
                    return Err(wrong("its levels are written in a way that is long out of use"));
                }
                *encoding
            }
            Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
                if u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len) > buf.len() as u64 {
                    return Err(wrong("its levels are said to be longer than its page"));
                }
                *encoding
            }
        };
        match encoding {
            Encoding::PLAIN => Ok(()),
            Encoding::RLE if self.kind == Type::BOOLEAN => Ok(()),
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY if self.dictionary => Ok(()),
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                Err(wrong("it refers to a dictionary that is not there"))
            }
            other => Err(wrong(&format!(
                "it is written as {other}, which is not read here; write it with plain or dictionary encoding"
            ))),
        }
    }
}

fn wrong(reason: &str) -> ParquetError {
    ParquetError::General(reason.to_owned())
}

impl Iterator for Checked {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Checked {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        if let Some(page) = &page {
            self.check(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}
