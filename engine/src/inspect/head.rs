use super::{Found, Subject};
use crate::error::Result;

pub(super) async fn view(_subject: &mut Subject<'_>) -> Result<Found> {
    Ok(Found::default())
}
