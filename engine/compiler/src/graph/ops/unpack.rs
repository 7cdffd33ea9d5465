//! Conversion of stored weights.

use super::{Nothing, Operation, X, Y, declare};
use crate::graph::Type;
use crate::graph::shape::Rule;

/// y = x in 32-bit floats. Input: a frozen matrix, stored in fewer bits. Output: of the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unpack;

impl Operation for Unpack {
    declare!("unpack", "y = x", X -> Y);

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        Ok(Y { y: Type::f32(&x.shape) })
    }

    const IS_CHEAP: bool = true;
}
