//! Checks pages between the library's reader and its decoders, which allocate by the numbers of values stated in them.

use super::{Chunks, thrift};
use parquet::basic::{Encoding, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::{SerializedFileReader, SerializedPageReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::{ColumnDescPtr, Type as Schema};
use std::sync::Arc;

/// Maximum numbers per block of delta encoding; writers use 128 or 256.
const MAX_BLOCK_VALUES: u64 = 1 << 16;

/// Maximum values of a list column in a row group: all of them may be in one row.
const MAX_LISTED: u64 = 1 << 24;

/// A row group whose pages are checked before decoding.
pub(super) struct RowGroup<'file> {
    inner: Box<dyn RowGroupReader + 'file>,
    chunks: &'file Chunks,
}

impl<'file> RowGroup<'file> {
    pub(super) fn new(
        file: &'file SerializedFileReader<Chunks>,
        chunks: &'file Chunks,
        index: usize,
    ) -> Result<Self> {
        Ok(Self { inner: file.get_row_group(index)?, chunks })
    }
}

impl RowGroupReader for RowGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.inner.metadata()
    }

    fn num_columns(&self) -> usize {
        self.inner.num_columns()
    }

    fn get_column_page_reader(&self, index: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata().schema_descr().column(index);
        let chunk = self.metadata().column(index);
        let rows = usize::try_from(self.metadata().num_rows())?;
        let pages = Arc::new(self.chunks.column(chunk.compression()));
        let inner = Box::new(SerializedPageReader::new(pages, chunk, rows, None)?);
        Ok(Box::new(Checked { inner, column, values: 0 }))
    }

    fn get_column_bloom_filter(&self, index: usize) -> Option<&Sbbf> {
        self.inner.get_column_bloom_filter(index)
    }

    fn get_row_iter(&self, projection: Option<Schema>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

struct Checked {
    inner: Box<dyn PageReader>,
    column: ColumnDescPtr,
    /// Values in the data pages so far.
    values: u64,
}

impl Checked {
    fn check(&mut self, page: Page) -> Result<Page> {
        let (buffer, encoding, start, count) = match &page {
            Page::DictionaryPage { buf, num_values, .. } => {
                let width = if self.column.physical_type() == Type::INT64 { 8 } else { 4 };
                return match *num_values as usize > buf.len() / width {
                    true => Err(wrong("a dictionary has more entries than fit in it")),
                    false => Ok(page),
                };
            }
            Page::DataPage { buf, encoding, num_values, .. } => {
                // Each kind of level is preceded by its length, if the column has any.
                let mut start = 0;
                for highest in [self.column.max_rep_level(), self.column.max_def_level()] {
                    if highest > 0 {
                        let length = buf.get(start..).and_then(|rest| rest.first_chunk::<4>());
                        let length = length.map(|length| u32::from_le_bytes(*length) as usize);
                        start += 4 + length.ok_or_else(|| wrong("the levels of a page are cut short"))?;
                    }
                }
                (buf, encoding, start, num_values)
            }
            Page::DataPageV2 {
                buf, encoding, def_levels_byte_len, rep_levels_byte_len, num_values, ..
            } => {
                let start = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                (buf, encoding, usize::try_from(start).unwrap_or(usize::MAX), num_values)
            }
        };
        self.values += u64::from(*count);
        if self.column.max_rep_level() > 0 && self.values > MAX_LISTED {
            return Err(ParquetError::General(format!(
                "more than {MAX_LISTED} values are in lists in one row group; write smaller row groups"
            )));
        }
        let Some(values) = buffer.get(start..) else {
            return Err(wrong("the levels of a page are longer than it"));
        };
        if let Encoding::DELTA_BINARY_PACKED
        | Encoding::DELTA_LENGTH_BYTE_ARRAY
        | Encoding::DELTA_BYTE_ARRAY = encoding
        {
            check_differences(values, u64::from(*count)).map_err(wrong)?;
        }
        Ok(page)
    }
}

/// Whether the header of delta-encoded numbers is plausible: the library allocates as many as it states.
fn check_differences(bytes: &[u8], most: u64) -> std::result::Result<(), &'static str> {
    let Some([block, parts, count]) = thrift::numbers(bytes) else {
        return Err("a page ends within its values");
    };
    if block > MAX_BLOCK_VALUES
        || parts == 0
        || parts > block
        || !block.is_multiple_of(parts.saturating_mul(8))
    {
        return Err("a page has blocks of an impossible size");
    }
    if count > most {
        return Err("a page states more values than its header");
    }
    Ok(())
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
        page.map(|page| self.check(page)).transpose()
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
