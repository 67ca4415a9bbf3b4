//! Code with a guard taken out, to see that the rules notice.

use std::sync::Arc;

use hostler::code::{Code, Effect, Expr, Guard, Instruction, Proof, Value};

/// A guard, or a part of the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Look,
    Identity,
    Present,
    Unlocked,
    Agent,
    Partners,
    Baseline,
    Disrupt,
    Settled,
    /// That whoever is disrupted is looked after at all.
    Verify,
    /// That a guest which is off is started.
    EnsureRunning,
    VerifySsh,
    VerifyAgent,
}

impl Taken {
    pub(crate) const ALL: [Taken; 13] = [
        Taken::Look,
        Taken::Identity,
        Taken::Present,
        Taken::Unlocked,
        Taken::Agent,
        Taken::Partners,
        Taken::Baseline,
        Taken::Disrupt,
        Taken::Settled,
        Taken::Verify,
        Taken::EnsureRunning,
        Taken::VerifySsh,
        Taken::VerifyAgent,
    ];

    /// Those that are there for the plan's own sake. The others may be without need at a command: the plan may have
    /// looked itself, and what a plan has not begun can not be at work.
    pub(crate) const NEEDED: [Taken; 6] =
        [Taken::Identity, Taken::Unlocked, Taken::Agent, Taken::Disrupt, Taken::Verify, Taken::EnsureRunning];

    /// What stands there instead; `None` where the instruction is another.
    fn instead(self, instruction: &Instruction, next: usize) -> Option<Instruction> {
        let gone = Some(Instruction::Jump(next));
        match (self, instruction) {
            (Taken::Look, Instruction::Guard(Guard::Look, _))
            | (Taken::Identity, Instruction::Guard(Guard::Identity, _))
            | (Taken::Present, Instruction::Guard(Guard::Present(_), _))
            | (Taken::Unlocked, Instruction::Guard(Guard::Unlocked(..), _))
            | (Taken::Agent, Instruction::Guard(Guard::Agent(_), _))
            | (Taken::Partners, Instruction::Guard(Guard::Partners, _))
            | (Taken::Baseline, Instruction::Guard(Guard::Baseline, _))
            | (Taken::Disrupt, Instruction::Guard(Guard::Disrupt(..), _))
            | (Taken::Settled, Instruction::Settled(_)) => gone,
            (Taken::Verify, Instruction::Disrupted(slot)) => {
                Some(Instruction::Set(*slot, Expr::Const(Value::List(Vec::new()))))
            }
            (Taken::EnsureRunning, Instruction::JumpUnlessProves(_, Proof::Power, to))
            | (Taken::VerifySsh, Instruction::JumpUnlessProves(_, Proof::Ssh, to))
            | (Taken::VerifyAgent, Instruction::JumpUnlessProves(_, Proof::Agent, to)) => Some(Instruction::Jump(*to)),
            _ => None,
        }
    }
}

/// The code without any guard of a kind; `None` where it has none.
pub(crate) fn without(code: &Code, taken: Taken) -> Option<Arc<Code>> {
    let mut code = code.clone();
    let mut any = false;
    for proc in &mut code.procs {
        for (at, instruction) in proc.instructions.iter_mut().enumerate() {
            if let Some(instead) = taken.instead(instruction, at + 1) {
                *instruction = instead;
                any = true;
            }
        }
    }
    any.then(|| Arc::new(code))
}

/// The code with one guard of one command of the plan or its tasks less, and what was taken, for each. That a guest is
/// started adds nothing to what is known of one that was switched off.
pub(crate) fn each_without_one(code: &Code) -> Vec<(String, Arc<Code>)> {
    let mut all: Vec<(String, Arc<Code>)> = Vec::new();
    for (number, proc) in code.procs.iter().enumerate().filter(|(_, proc)| !proc.name.contains('.')) {
        for (at, instruction) in proc.instructions.iter().enumerate() {
            let taken = Taken::NEEDED.into_iter().find_map(|taken| Some((taken, taken.instead(instruction, at + 1)?)));
            let Some((taken, instead)) = taken else { continue };
            if matches!(instruction, Instruction::Guard(Guard::Disrupt(Effect::PowerOn, _), _)) {
                continue;
            }
            let next = proc.instructions.iter().skip(at).find_map(|instruction| match instruction {
                Instruction::Run(command, _) if command.effect != Effect::Read => Some(command.text.as_str()),
                _ => None,
            });
            let mut less = code.clone();
            less.procs[number].instructions[at] = instead;
            let mut what = next.map_or(format!("{taken:?} at the end"), |text| format!("{taken:?} before `{text}`"));
            while all.iter().any(|(other, _)| *other == what) {
                what.push_str(" again");
            }
            all.push((what, Arc::new(less)));
        }
    }
    all
}
