//! Mixture of experts: a router chooses k of E experts for each token. All experts of a block are one wide MLP whose hidden channels are
//! divided among them; the products take the router's gates as a further input and need only the channels of chosen experts. An
//! executor may compute the others too: a gate of 0 removes their values.

use super::{Added, Cost, Done, Dx, Given, In, Named, Nothing, Operation, Out, X, Y, declare, operands};
use crate::graph::Type;
use crate::graph::gradient::Backward;
use crate::graph::shape::{Rule, alike, columns, expect, rank, vector, with_columns};

/// Gates of the k experts with the largest logits, 0 for the others; of equal logits, the first wins. Input: the router's logits x
/// [..,E]. Output: y [..,E], the softmax over the chosen logits if `renormalise`, else the chosen entries of the softmax over all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Route {
    /// k.
    pub per_token: usize,
    pub renormalise: bool,
}

impl Operation for Route {
    declare!("route", "y = softmax of the k largest x, else 0", X -> Y);

    fn types(&self, X { x }: X<&Type>, _: Nothing) -> Rule<Y<Type>> {
        expect((1..=x.columns()).contains(&self.per_token), || format!("{} experts of {x}", self.per_token))?;
        Ok(Y { y: x.clone() })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (X { x }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y).filter(|_| pass.wants(x)) else { return Ok(()) };
        let inputs = RouteBackwardInputs { x: pass.read(x)?, y: pass.read(y)?, dy };
        let op = RouteBackward { renormalise: self.renormalise };
        let Dx { dx } = pass.graph.add(op, inputs)?;
        pass.flow(x, dx)
    }
}

/// dx = p·([y ≠ 0]·dy − Σ y·dy) with p = y if `renormalise`, else softmax(x). Inputs: x, y, dy, all [..,E]. Output: dx.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouteBackward {
    pub renormalise: bool,
}

operands! {
    RouteBackwardInputs of RouteBackward { x, y, dy }
}

impl Operation for RouteBackward {
    declare!("route_backward", "dx = softmax(x)·(dy − Σ y·dy)", RouteBackwardInputs -> Dx);

    fn types(&self, inputs: RouteBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        alike("output", inputs.y, inputs.x)?;
        alike("output gradient", inputs.dy, inputs.x)?;
        Ok(Dx { dx: inputs.x.clone() })
    }
}

/// Losses of a router, for each token: balance·E·Σ load·softmax(x) (Fedus et al. 2021), which is smallest if all experts are chosen equally
/// often, and z·(log Σ exp x)² (Zoph et al. 2022), times its share. `load` is the share of the tokens that chose each expert (its sum is
/// k); it has no gradient. Inputs: logits x [..,E], gates [..,E], shares [N]: [`crate::graph::Input::Shares`]. Outputs: rows [N], load [E].
///
/// A training graph adds the sum of the rows to the loss that it differentiates, but not to the one that it reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouterLoss {
    pub balance: f32,
    pub z: f32,
}

operands! {
    RouterLossInputs of RouterLoss { x, gates, shares }
    RouterLossOutputs of RouterLoss { rows, load }
}

impl Operation for RouterLoss {
    declare!(
        "router_loss",
        "share·(b·E·Σ load·softmax(x) + z·lse(x)²)",
        RouterLossInputs -> RouterLossOutputs
    );

    fn types(&self, inputs: RouterLossInputs<&Type>, _: Nothing) -> Rule<RouterLossOutputs<Type>> {
        let RouterLossInputs { x, gates, shares } = inputs;
        alike("gates", gates, x)?;
        vector("shares", shares, x.rows())?;
        Ok(RouterLossOutputs { rows: Type::f32(&[x.rows()]), load: Type::f32(&[x.columns()]) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (RouterLossInputs { x, shares, .. }, RouterLossOutputs { load, .. }) = (inputs, outputs);
        let Some(scale) = pass.loss_scale().filter(|_| self.balance != 0.0 || self.z != 0.0) else {
            return Ok(());
        };
        let inputs = RouterLossBackwardInputs { x: pass.read(x)?, load: pass.read(load)?, shares };
        let Dx { dx } = pass.graph.add(RouterLossBackward { forward: *self, scale }, inputs)?;
        pass.flow(x, dx)
    }
}

/// dx = scale·share·(balance·E·p·(load − Σ load·p) + 2·z·lse·p), p = softmax(x). Inputs: x [..,E], load [E], shares [N]. Output: dx.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RouterLossBackward {
    pub forward: RouterLoss,
    /// 1 / number of micro-batches.
    pub scale: f32,
}

operands! {
    RouterLossBackwardInputs of RouterLossBackward { x, load, shares }
}

impl Operation for RouterLossBackward {
    declare!(
        "router_loss_backward",
        "dx = share·(b·E·p·(load − Σ load·p) + 2·z·lse·p), p = softmax(x)",
        RouterLossBackwardInputs -> Dx
    );

    fn types(&self, inputs: RouterLossBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        vector("load", inputs.load, inputs.x.columns())?;
        vector("shares", inputs.shares, inputs.x.rows())?;
        Ok(Dx { dx: inputs.x.clone() })
    }
}

/// y = gate·h, where 0 removes whatever h is. Inputs: h [..,E,F], gates [..,E]. Output: y [..,E·F].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeighExperts;

operands! {
    WeighExpertsInputs of WeighExperts { h, gates }
}

impl Operation for WeighExperts {
    declare!("weigh_experts", "y = gate·h", WeighExpertsInputs -> Y);

    fn types(&self, WeighExpertsInputs { h, gates }: WeighExpertsInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        alike("hidden values", h, &divided(gates, h.columns()))?;
        Ok(Y { y: with_columns(gates, gates.columns() * h.columns()) })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (WeighExpertsInputs { h, gates }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let inputs = WeighExpertsBackwardInputs { h: pass.read(h)?, gates: pass.read(gates)?, dy };
        let WeighExpertsBackwardOutputs { dh, dgates } = pass.graph.add(WeighExpertsBackward, inputs)?;
        pass.flow(h, dh)?;
        pass.flow(gates, dgates)
    }
}

/// dh = gate·dy; dgate = Σ over an expert's channels of h·dy, 0 where the gate is 0. Inputs: h [..,E,F], gates [..,E], dy [..,E·F].
/// Outputs: dh, dgates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeighExpertsBackward;

operands! {
    WeighExpertsBackwardInputs of WeighExpertsBackward { h, gates, dy }
    WeighExpertsBackwardOutputs of WeighExpertsBackward { dh, dgates }
}

impl Operation for WeighExpertsBackward {
    declare!(
        "weigh_experts_backward",
        "dh = gate·dy; dgate = Σ h·dy",
        WeighExpertsBackwardInputs -> WeighExpertsBackwardOutputs
    );

    fn types(&self, inputs: Given<'_, Self>, _: Nothing) -> Rule<WeighExpertsBackwardOutputs<Type>> {
        let WeighExpertsBackwardInputs { h, gates, dy } = inputs;
        alike("hidden values", h, &divided(gates, h.columns()))?;
        alike("output gradient", dy, &with_columns(gates, gates.columns() * h.columns()))?;
        Ok(WeighExpertsBackwardOutputs { dh: h.clone(), dgates: gates.clone() })
    }
}

/// The products of chosen experts, y = x·wᵀ. Inputs: x, gates [..,E], weight. Output: y.
///
/// Up: x [..,C], weight [E·O,C], y [..,E,O], whose entries matter only for chosen experts. Down: x [..,E·F], 0 for all experts that were
/// not chosen, weight [C,E·F], y [..,C].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpertLinear {
    /// Experts that are computed for each token, for the cost: k, or all.
    pub per_token: usize,
    /// Whether the inputs, not the outputs, are divided among the experts.
    pub down: bool,
}

operands! {
    ExpertLinearInputs of ExpertLinear { x, gates, weight }
}

impl Operation for ExpertLinear {
    declare!("expert_linear", "y = x·wᵀ of the chosen experts", ExpertLinearInputs -> Y);

    fn types(&self, inputs: ExpertLinearInputs<&Type>, _: Nothing) -> Rule<Y<Type>> {
        let ExpertLinearInputs { x, gates, weight } = inputs;
        rank("weight", weight, 2)?;
        columns("input", x, weight.columns())?;
        self.divides(gates, weight)?;
        alike("input", x, &with_columns(gates, x.columns()))?;
        let outputs = weight.shape[0];
        Ok(Y {
            y: match self.down {
                true => with_columns(x, outputs),
                false => divided(gates, outputs / gates.columns()),
            },
        })
    }

    fn differentiate(&self, pass: &mut Backward<'_>, inputs: In<Self>, outputs: Out<Self>) -> Done {
        let (ExpertLinearInputs { x, gates, weight }, Y { y }) = (inputs, outputs);
        let Some(dy) = pass.gradient(y) else { return Ok(()) };
        let gates = pass.read(gates)?;
        if let Some(gradient) = pass.parameter(weight) {
            let inputs = ExpertLinearWeightBackwardInputs { dy, gates, x: pass.read(x)? };
            pass.graph.add_into(
                ExpertLinearWeightBackward(*self),
                inputs,
                ExpertGradients { weight: gradient },
            )?;
        }
        if !pass.wants(x) {
            return Ok(());
        }
        let inputs = ExpertLinearInputBackwardInputs { dy, gates, weight: pass.read(weight)? };
        let Dx { dx } = pass.graph.add(ExpertLinearInputBackward(*self), inputs)?;
        pass.flow(x, dx)
    }

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::forward(self.flops(inputs.gates, inputs.weight))
    }
}

impl ExpertLinear {
    fn divides(&self, gates: &Type, weight: &Type) -> Rule {
        let whole = if self.down { weight.columns() } else { weight.shape[0] };
        expect(whole.is_multiple_of(gates.columns()), || {
            format!("{weight} is not divisible by {} experts", gates.columns())
        })
    }

    /// Floating-point operations of the chosen experts.
    fn flops(&self, gates: &Type, weight: &Type) -> f64 {
        2.0 * (gates.rows() * self.per_token) as f64 * weight.count() as f64 / gates.columns() as f64
    }
}

/// dx = dy·w of the chosen experts. Inputs: dy, gates, weight. Output: dx; down, its entries matter only for chosen experts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpertLinearInputBackward(pub ExpertLinear);

operands! {
    ExpertLinearInputBackwardInputs of ExpertLinearInputBackward { dy, gates, weight }
}

impl Operation for ExpertLinearInputBackward {
    declare!(
        "expert_linear_input_backward",
        "dx = dy·w of the chosen experts",
        ExpertLinearInputBackwardInputs -> Dx
    );

    fn types(&self, inputs: ExpertLinearInputBackwardInputs<&Type>, _: Nothing) -> Rule<Dx<Type>> {
        let ExpertLinearInputBackwardInputs { dy, gates, weight } = inputs;
        rank("weight", weight, 2)?;
        self.0.divides(gates, weight)?;
        expect(dy.count() == gates.rows() * weight.shape[0], || format!("{dy} does not fit {weight}"))?;
        Ok(Dx { dx: with_columns(gates, weight.columns()) })
    }

    fn cost(&self, Named { inputs, .. }: Named<Self, &Type>) -> Cost {
        Cost::backward(self.0.flops(inputs.gates, inputs.weight))
    }
}

/// dw += dyᵀ·x of the chosen experts. Inputs: dy, gates, x. Output += the weight's gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpertLinearWeightBackward(pub ExpertLinear);

operands! {
    ExpertLinearWeightBackwardInputs of ExpertLinearWeightBackward { dy, gates, x }
    ExpertGradients of ExpertLinearWeightBackward { weight }
}

impl Operation for ExpertLinearWeightBackward {
    declare!(
        "expert_linear_weight_backward",
        "dw += dyᵀ·x of the chosen experts",
        ExpertLinearWeightBackwardInputs -> Nothing += ExpertGradients
    );

    fn types(&self, inputs: Given<'_, Self>, gradients: Added<'_, Self>) -> Rule<Nothing> {
        let ExpertLinearWeightBackwardInputs { dy, gates, x } = inputs;
        let ExpertGradients { weight } = gradients;
        let rows = gates.rows();
        alike("gradient", weight, &Type::f32(&[dy.count() / rows, x.count() / rows]))?;
        self.0.divides(gates, weight)?;
        Ok(Nothing)
    }

    fn cost(&self, Named { inputs, gradients, .. }: Named<Self, &Type>) -> Cost {
        Cost::backward(self.0.flops(inputs.gates, gradients.weight))
    }
}

/// [..,E,columns] for gates [..,E].
fn divided(gates: &Type, columns: usize) -> Type {
    Type::f32(&[&gates.shape[..], &[columns]].concat())
}
