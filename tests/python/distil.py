"""Trains an exported model on windows of tokens by PyTorch, as the referee of the objective `distil` and of `train.unlikelihood`.

distil.py STUDENT BATCHES SETTINGS OUT [TEACHER]: STUDENT and TEACHER are folders for transformers, BATCHES a JSON array with
`tokens` and `targets` (rows of ids) for each step, SETTINGS a JSON object of `temperature` and `mix` (with a teacher) or `unlikelihood`
(without), and of AdamW's `learning_rate`, `beta1`, `beta2`, `eps`, `weight_decay` and `clip`. OUT gets the loss and gradient norm of each
step, and the weights afterwards as safetensors.
"""

import sys

import torch
from decoder import adamw
from referee import given, load, write
from torch.nn import functional as F


def distilled(logits, taught, targets, temperature, mix):
    """Hinton et al. 2015: the mean over all targets, in PyTorch's own functions."""
    plain = F.cross_entropy(logits, targets)
    soft = F.log_softmax(logits / temperature, dim=-1)
    wanted = F.log_softmax(taught / temperature, dim=-1)
    divergence = F.kl_div(soft, wanted, reduction="batchmean", log_target=True)
    return (1 - mix) * plain + mix * temperature**2 * divergence


def unlikely(logits, tokens, targets, alpha):
    """Welleck et al. 2019, equations 4 and 5: at each position the tokens before its target are less likely, but for the target."""
    loss = F.cross_entropy(logits, targets.flatten())
    rest = torch.clamp(1 - F.softmax(logits, dim=-1).view(*tokens.shape, -1), min=1e-5)
    negative = torch.zeros_like(rest)
    for time in range(tokens.shape[1]):
        negative[:, time].scatter_(1, tokens[:, : time + 1], 1.0)
    negative.scatter_(2, targets.unsqueeze(2), 0.0)
    return loss + alpha * -(negative * rest.log()).sum(-1).mean()


student_folder, batches, settings, out = given()
student = load(student_folder).train()
teacher = load(sys.argv[5]).eval() if len(sys.argv) > 5 else None
optimizer = adamw(settings, dict(student.named_parameters()))
steps = []
for batch in batches:
    tokens, targets = torch.tensor(batch["tokens"]), torch.tensor(batch["targets"])
    logits = student(tokens).logits.flatten(0, 1)
    if teacher is None:
        loss = unlikely(logits, tokens, targets, settings["unlikelihood"])
    else:
        with torch.no_grad():
            taught = teacher(tokens).logits.flatten(0, 1)
        loss = distilled(logits, taught, targets.flatten(), settings["temperature"], settings["mix"])
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(student.parameters(), settings["clip"])
    optimizer.step()
    steps.append({"loss": loss.item(), "gradient_norm": norm.item()})
write(out, steps, student)
