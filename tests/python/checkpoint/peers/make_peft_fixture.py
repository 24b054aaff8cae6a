"""Write peft-0.18.1/: a small LoRA adapter as PEFT saves it, its base, and what PEFT's merge_and_unload makes of both.

Run by hand, in an environment with PEFT 0.18.1 (the tests only read the files):

    python3 -m venv /tmp/peft && /tmp/peft/bin/pip install torch==2.13.0 peft==0.18.1
    /tmp/peft/bin/python tests/python/checkpoint/peers/make_peft_fixture.py

Ranks and alphas differ between modules by patterns, of which several match; one module is trained whole.
"""

from importlib.metadata import version
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

FIXTURE = Path(__file__).parent / "peft-0.18.1"


class Layer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj = torch.nn.Linear(8, 6)
        self.v_proj = torch.nn.Linear(8, 5)


class Policy(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(Layer() for _ in range(3))
        self.action_in_proj = torch.nn.Linear(4, 8)
        self.action_out_proj = torch.nn.Linear(6, 4)


def main() -> None:
    assert version("peft") == "0.18.1"
    FIXTURE.mkdir(exist_ok=True)
    torch.manual_seed(0)
    policy = Policy()
    save_file(policy.state_dict(), FIXTURE / "base.safetensors")
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=["q_proj", "v_proj", "action_out_proj"],
        modules_to_save=["action_in_proj"],
        rank_pattern={"layers.1.q_proj": 2, r"layers\.\d\.v_proj": 3, "v_proj": 1},
        alpha_pattern={"q_proj": 16, "layers.0.v_proj": 5, "out_proj": 32},
    )
    adapted = get_peft_model(policy, config)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter))
    adapted.save_pretrained(FIXTURE / "adapter")
    (FIXTURE / "adapter" / "README.md").unlink(missing_ok=True)
    save_file(adapted.merge_and_unload().state_dict(), FIXTURE / "merged.safetensors")


if __name__ == "__main__":
    main()
