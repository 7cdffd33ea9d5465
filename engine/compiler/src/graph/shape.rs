//! Helpers for shape rules.

use super::{Element, Heads, Type};

/// A rule's result, or the reason why it is broken.
pub type Rule<T = ()> = Result<T, String>;

/// Rejects empty values and values too large for 32-bit indices.
pub(super) fn countable(at: usize, ty: &Type) -> Rule {
    expect(ty.count() > 0, || format!("input {at} is empty: {ty}"))?;
    expect(ty.count() < 1 << 31, || format!("input {at} has 2³¹ entries or more: {ty}"))
}

pub(super) fn expect(holds: bool, reason: impl FnOnce() -> String) -> Rule {
    if holds { Ok(()) } else { Err(reason()) }
}

pub(super) fn rank(name: &str, ty: &Type, rank: usize) -> Rule {
    expect(ty.shape.len() == rank, || format!("{name} must have {rank} dimensions, not {ty}"))
}

pub(super) fn columns(name: &str, ty: &Type, columns: usize) -> Rule {
    expect(ty.columns() == columns, || format!("{name} must have {columns} columns, not {ty}"))
}

pub(super) fn vector(name: &str, ty: &Type, size: usize) -> Rule {
    alike(name, ty, &Type::f32(&[size]))
}

pub(super) fn alike(name: &str, ty: &Type, wanted: &Type) -> Rule {
    expect(ty == wanted, || format!("{name} must be {wanted}, not {ty}"))
}

pub(super) fn integers(name: &str, ty: &Type) -> Rule {
    expect(ty.element == Element::U32, || format!("{name} must be integers, not {ty}"))
}

/// Checks a cursor: position, length and slot for each row.
pub(super) fn is_cursor(ty: &Type, rows: usize) -> Rule {
    alike("cursor", ty, &Type::u32(&[rows, 3]))
}

/// Checks document starts: one for each position of a batch.
pub(super) fn are_starts(ty: &Type, rows: &Type) -> Rule {
    alike("starts", ty, &Type::u32(&rows.shape[..2]))
}

pub(super) fn packed(ty: &Type, heads: Heads) -> Rule {
    let whole = heads.kv_heads > 0 && heads.heads.is_multiple_of(heads.kv_heads);
    expect(whole, || format!("{} heads do not divide among {} kv-heads", heads.heads, heads.kv_heads))?;
    columns("packed rows", ty, heads.packed())
}

pub(super) fn batched(ty: &Type, width: usize) -> Rule {
    rank("input", ty, 3)?;
    columns("input", ty, width)
}

/// Floats with the same rows and this many columns.
pub(super) fn with_columns(ty: &Type, columns: usize) -> Type {
    let mut shape = ty.shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = columns;
    }
    Type::f32(&shape)
}
