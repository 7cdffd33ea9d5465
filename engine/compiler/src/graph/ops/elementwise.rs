//! Elementwise dropout, noise, sums, products, scaling and soft caps.

use super::{Done, Dx, Dy, In, Named, Nothing, Operation, Out, Sum, SumRows, X, Y, declare, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::half::{self, Operand, alone, alone_without};
use crate::graph::shape::{Rule, alike, expect, vector};

/// A dropout site; masks are drawn by [`crate::graph::random`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutSite {
    /// Probability that an entry is dropped; kept entries are scaled by 1 / (1 − rate).
    pub rate: f32,
    /// Unique within the graph.
    pub site: u32,
}

/// y = x·mask/(1 − rate) (+ r), element = index in x. Inputs: x, (residual r of the same shape). Output: same shape. Without r,
/// its gradient is the same operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    pub site: DropoutSite,
    pub residual: bool,
}

operands! {
    DropoutInputs of Dropout { x, residual: if residual }
}

impl Operation for Dropout {
    declare!("dropout", "y = x·mask / (1 − rate)", DropoutInputs -> Y);

    fn types(&self, DropoutInputs { x, residual }: DropoutInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let rate = self.site.rate;
        expect((0.0..1.0).contains(&rate), || format!("rate {rate} is not in [0, 1)"))?;
        residual.map_or(Ok(()), |residual| alike("residual", residual, x))?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (DropoutInputs { x, residual }, Y { y }) = (inputs, outputs);
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
        // Only an adapter puts a mask between two f16 values, and no kernel supports that.
        let y = (!self.residual).then(|| alone_without(outputs.y, inputs.x));
        [alone(inputs.x)].into_iter().chain(y).collect()
    }

    const IS_CHEAP: bool = true;
}

/// y = x + size·u, u drawn uniformly from [−1, 1) for each entry, element = index in x. Input: any shape. Output: the same. The
/// gradient passes unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Maximum absolute value of the noise.
    pub size: f32,
    /// Unique within the graph, dropout sites included.
    pub site: u32,
}

impl Operation for Noise {
    declare!("noise", "y = x + size·u, u drawn from [−1, 1)", X -> Y);

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        expect(self.size.is_finite(), || format!("size {} is not a finite number", self.size))?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (X { x }, Y { y }) = (inputs, outputs);
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
    AddInputs of Add { a, b }
}

impl Operation for Add {
    declare!("add", "y = a + b", AddInputs -> Y);

    fn types(&self, AddInputs { a, b }: AddInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        alike("second term", b, a)?;
        Ok(Y { y: a.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (AddInputs { a, b }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        for term in [a, b] {
            if pass.wants(term) {
                pass.flow(term, dy)?;
            }
        }
        Ok(())
    }
}

/// y = x · factor. Input: any shape. Output: the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale(pub f32);

impl Operation for Scale {
    declare!("scale", "y = x·factor", X -> Y);

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        expect(self.0.is_finite(), || format!("factor {} is not a finite number", self.0))?;
        Ok(Y { y: Type::f32(&x.shape) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (X { x }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y).filter(|_| pass.wants(x)) else { return Ok(()) };
        let Y { y: dx } = pass.graph.add(*self, X { x: dy })?;
        pass.flow(x, dx)
    }
}

/// y = x·w (+ b), entry by entry. Inputs: x [..,C], factors w [C] or of x's shape, (bias b [C]). Output: of x's shape. Factors that
/// are computed have no gradient: they count as constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multiply {
    pub bias: bool,
}

impl Multiply {
    /// x·w without bias.
    const PLAIN: Self = Self { bias: false };
}

operands! {
    MultiplyInputs of Multiply { x, factors, bias: if bias }
}

impl Operation for Multiply {
    declare!("multiply", "y = x·w + b", MultiplyInputs -> Y);

    fn types(&self, inputs: MultiplyInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let MultiplyInputs { x, factors, bias } = inputs;
        if factors.shape != x.shape || self.bias {
            vector("factors", factors, x.columns())?;
        }
        bias.map_or(Ok(()), |bias| vector("bias", bias, x.columns()))?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (MultiplyInputs { x, factors, bias }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let groups = pass.graph.ty(dy).rows();
        if let Some(sum) = pass.parameter(factors) {
            let inputs = MultiplyInputs { x: dy, factors: pass.read(x)?, bias: None };
            let Y { y: product } = pass.graph.add(Self::PLAIN, inputs)?;
            pass.graph.add_into(SumRows { groups }, Dy { dy: product }, Sum { sum })?;
        }
        if let Some(sum) = bias.and_then(|bias| pass.parameter(bias)) {
            pass.graph.add_into(SumRows { groups }, Dy { dy }, Sum { sum })?;
        }
        if !pass.wants(x) {
            return Ok(());
        }
        let inputs = MultiplyInputs { x: dy, factors: pass.read(factors)?, bias: None };
        let Y { y: dx } = pass.graph.add(Self::PLAIN, inputs)?;
        pass.flow(x, dx)
    }

    const IS_CHEAP: bool = true;
}

/// y = c·tanh(x/c). Input: any shape. Output: the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softcap(pub f32);

impl Operation for Softcap {
    declare!("softcap", "y = c·tanh(x / c)", X -> Y);

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        expect(self.0.is_finite() && self.0 > 0.0, || format!("cap {} is not a number above 0", self.0))?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (X { x }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y).filter(|_| pass.wants(x)) else { return Ok(()) };
        let inputs = SoftcapBackwardInputs { y: pass.read(y)?, dy };
        let Dx { dx } = pass.graph.add(SoftcapBackward(self.0), inputs)?;
        pass.flow(x, dx)
    }
}

/// Inputs: y, dy. Output: dx.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftcapBackward(pub f32);

operands! {
    SoftcapBackwardInputs of SoftcapBackward { y, dy }
}

impl Operation for SoftcapBackward {
    declare!("softcap_backward", "dx = dy·(1 − (y / c)²)", SoftcapBackwardInputs -> Dx);

    fn types(&self, inputs: SoftcapBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let SoftcapBackwardInputs { y, dy } = inputs;
        alike("output gradient", dy, y)?;
        Ok(Dx { dx: y.clone() })
    }
}
