//! Dropout, noise and sums, entry by entry.

use super::{Named, Nothing, Operation, X, Y, operands};
use crate::graph::gradient::Backward;
use crate::graph::half::{self, Operand, alone, alone_without};
use crate::graph::shape::{Rule, alike, expect};
use crate::graph::{Element, GraphError, Type, ValueId};

/// A place where entries are dropped in training, as [`crate::graph::random`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutSite {
    /// Share that is dropped; the rest is scaled by 1 / (1 − rate).
    pub rate: f32,
    /// Number of the place, unique in its graph.
    pub site: u32,
}

/// y = x·mask/(1 − rate) (+ r), element = index in x. Inputs: x, (residual r of the same shape). Output: same shape.
/// Without r it is its own gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Rate and place.
    pub site: DropoutSite,
    /// r is given.
    pub residual: bool,
}

operands! {
    /// What [`Dropout`] reads.
    DropoutInputs of Dropout { x, residual: if residual }
}

impl Operation for Dropout {
    const NAME: &'static str = "dropout";
    const FORMULA: &'static str = "y = x·mask / (1 − rate)";
    type Inputs<T> = DropoutInputs<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, DropoutInputs { x, residual }: DropoutInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let rate = self.site.rate;
        expect((0.0..1.0).contains(&rate), || format!("rate {rate} is not in [0, 1)"))?;
        residual.map_or(Ok(()), |residual| alike("residual", residual, x))?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        DropoutInputs { x, residual }: DropoutInputs<ValueId>,
        Y { y }: Y<ValueId>,
    ) -> Result<(), GraphError> {
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        if pass.wants(x) {
            let alone = Self { residual: false, ..*self };
            let Y { y: gradient } = pass.graph.add(alone, DropoutInputs { x: dy, residual: None })?;
            pass.flow(x, gradient)?;
        }
        match residual {
            Some(stream) if pass.wants(stream) => pass.flow(stream, dy),
            _ => Ok(()),
        }
    }

    fn f16_rules(&self, Named { inputs, outputs, .. }: Named<Self, Operand>) -> Vec<half::Rule> {
        // A mask between f16 values is in no model's way but an adapter's, and no kernel is built for it.
        let y = (!self.residual).then(|| alone_without(outputs.y, inputs.x));
        [alone(inputs.x)].into_iter().chain(y).collect()
    }

    fn is_cheap(&self, _: DropoutInputs<&Type>) -> bool {
        true
    }
}

/// y = x + size·u, u drawn evenly from [−1, 1) for each entry, element = index in x. Input: any shape. Output: the same. Its gradient
/// is that of y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Largest that is added, up or down.
    pub size: f32,
    /// Number of the place, unique among those of dropout, too.
    pub site: u32,
}

impl Operation for Noise {
    const NAME: &'static str = "noise";
    const FORMULA: &'static str = "y = x + size·u, u drawn from [−1, 1)";
    type Inputs<T> = X<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        expect(self.size.is_finite(), || format!("size {} is no number", self.size))?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        X { x }: X<ValueId>,
        Y { y }: Y<ValueId>,
    ) -> Result<(), GraphError> {
        match pass.gradient(y).filter(|_| pass.wants(x)) {
            Some(dy) => pass.flow(x, dy),
            None => Ok(()),
        }
    }
}

/// y = a + b. Inputs: two of one shape. Output: the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Add;

operands! {
    /// What [`Add`] reads.
    AddInputs of Add { a, b }
}

impl Operation for Add {
    const NAME: &'static str = "add";
    const FORMULA: &'static str = "y = a + b";
    type Inputs<T> = AddInputs<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, AddInputs { a, b }: AddInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        alike("second term", b, a)?;
        Ok(Y { y: a.clone() })
    }

    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        AddInputs { a, b }: AddInputs<ValueId>,
        Y { y }: Y<ValueId>,
    ) -> Result<(), GraphError> {
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        for term in [a, b] {
            if pass.wants(term) {
                pass.flow(term, dy)?;
            }
        }
        Ok(())
    }
}

/// y = x · factor. Input: any shape. Output: the same. x may be a weight that is held in 16-bit floats; y is in 32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(pub f32);

impl Operation for Scale {
    const NAME: &'static str = "scale";
    const FORMULA: &'static str = "y = x·factor";
    type Inputs<T> = X<T>;
    type Outputs<T> = Y<T>;
    type Gradients<T> = Nothing;

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        expect(self.0.is_finite(), || format!("factor {} is no number", self.0))?;
        Ok(Y { y: Type::f32(&x.shape) })
    }

    fn differentiate(
        &self,
        pass: &mut Backward<'_>,
        X { x }: X<ValueId>,
        Y { y }: Y<ValueId>,
    ) -> Result<(), GraphError> {
        let Some(dy) = pass.gradient(y).filter(|_| pass.wants(x)) else { return Ok(()) };
        let Y { y: dx } = pass.graph.add(*self, X { x: dy })?;
        pass.flow(x, dx)
    }

    /// A weight in 32 bits, where it is held in 16.
    fn is_cheap(&self, X { x }: X<&Type>) -> bool {
        x.element == Element::F16
    }
}
