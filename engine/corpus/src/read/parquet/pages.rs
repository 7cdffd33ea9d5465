//! Pages on their way from the library's reader to its decoder, which takes some of what they say for granted.

use super::delta;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;

/// Pages that are looked at before they are decoded; delta-encoded ones are written anew.
pub(super) struct Checked {
    inner: Box<dyn PageReader>,
    column: ColumnDescPtr,
    /// Bytes that a page may have.
    limit: usize,
    dictionary: bool,
}

impl Checked {
    /// Looks at the pages of a column.
    pub(super) fn new(inner: Box<dyn PageReader>, column: ColumnDescPtr, limit: usize) -> Self {
        Self { inner, column, limit, dictionary: false }
    }

    fn check(&mut self, mut page: Page) -> Result<Page> {
        let (buffer, encoding, start) = match &mut page {
            Page::DictionaryPage { .. } => {
                self.dictionary = true;
                return Ok(page);
            }
            Page::DataPage { buf, encoding, def_level_encoding, rep_level_encoding, .. } => {
                if *def_level_encoding != Encoding::RLE || *rep_level_encoding != Encoding::RLE {
                    return Err(wrong("its levels are written in a way that is long out of use"));
                }
                // Levels of either kind stand behind their length, where the column has any.
                let mut start = 0;
                for highest in [self.column.max_rep_level(), self.column.max_def_level()] {
                    if highest > 0 {
                        let length = buf.get(start..).and_then(|rest| rest.first_chunk::<4>());
                        let length = length.map(|length| u32::from_le_bytes(*length) as usize);
                        start += 4 + length.ok_or_else(|| wrong("its levels are cut short"))?;
                    }
                }
                (buf, encoding, start)
            }
            Page::DataPageV2 { buf, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let start = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                (buf, encoding, usize::try_from(start).unwrap_or(usize::MAX))
            }
        };
        let (Some(levels), Some(values)) = (buffer.get(..start), buffer.get(start..)) else {
            return Err(wrong("its levels are said to be longer than its page"));
        };
        let kind = self.column.physical_type();
        match *encoding {
            Encoding::PLAIN => {}
            Encoding::RLE if kind == Type::BOOLEAN => {}
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY if self.dictionary => {}
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                return Err(wrong("it refers to a dictionary that is not there"));
            }
            other => {
                let plain = delta::plain(other, kind, values, self.limit).map_err(wrong)?;
                let Some(plain) = plain else {
                    return Err(wrong(&format!("it is written as {other}, which is not read here")));
                };
                *buffer = [levels, &plain].concat().into();
                *encoding = Encoding::PLAIN;
            }
        }
        Ok(page)
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
        self.inner.get_next_page()?.map(|page| self.check(page)).transpose()
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
