//! `glasshouse window` in a program built without one.

use super::arguments::WindowArguments;
use anyhow::Result;

pub(super) const BUILT: bool = false;

pub(super) fn window(_: &WindowArguments) -> Result<()> {
    anyhow::bail!("this program was built without its window; use `glasshouse train` instead")
}
