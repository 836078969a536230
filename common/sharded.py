"""Weights that several processes share (FSDP): what the settings must be, and how the model is a whole again after.

The trainers of a language model call check_sharding first, prepare_sharding before the training, make_whole after it.
"""

from common import cli, model, training
from common.apart import is_first, sharded


def check_sharding(args):
    """UserError for settings that do not go with weights that processes share (FSDP); nothing without those."""
    if not sharded():
        return
    if any(word in args.optim for word in ("8bit", "paged")):
        raise cli.UserError(
            f"--optim {args.optim} does not go with weights that processes share (FSDP); say --optim adamw_torch."
        )
    flags = ("load_in_8bit", "loraplus_lr_ratio", "use_dora", "precompute_ref_log_probs")
    unfit = [name for name in flags if getattr(args, name, None)]
    if unfit:
        raise cli.UserError(
            f"--{unfit[0]} does not go with weights that processes share (FSDP); leave it out, or launch with "
            "recipes/accelerate/ddp.yaml."
        )


def prepare_sharding(trainer, args):
    """The last step before a training whose processes share the weights (FSDP); nothing where they do not.

    FSDP lays the frozen weights of a layer end to end, so they must have one dtype, and would round the buffers to it:
    in bf16 the angles of the rotary embedding would be off by whole turns at the end of a long row.
    """
    import functools

    import torch

    if not trainer.is_fsdp_enabled:
        return
    for parameter in trainer.model.parameters():
        if parameter.dtype == torch.float32 and not parameter.requires_grad:
            parameter.data = parameter.data.to(getattr(torch, args.dtype))
    plugin = trainer.accelerator.state.fsdp_plugin
    plugin.set_mixed_precision = functools.partial(plugin.set_mixed_precision, buffer_autocast=True, override=True)
    plugin.set_mixed_precision(getattr(torch, args.dtype))  # transformers does it again for quantised weights


def make_whole(trainer, args, reference=None):
    """Have trainer.model be a whole model again after processes shared it (FSDP); nothing where they did not.

    All of them gather the adapter; the first one loads the base again under it. The others have no model any more.
    """
    if not trainer.is_fsdp_enabled:
        return
    state = trainer.accelerator.get_state_dict(trainer.model)
    trainer.accelerator.free_memory()
    for holder in (trainer, trainer.callback_handler):
        holder.model = holder.optimizer = holder.lr_scheduler = None
    trainer.model_wrapped = None
    model.release()
    if is_first():
        trainer.model = whole_model(args, state, reference)


def whole_model(args, state, reference=None):
    """The base under the adapter of `state`, {name: tensor} as FSDP gathers it, and the folder `reference` as `ref`.

    Put together here: PEFT 0.21 looks for the weights under the names of FSDP's wrappers, finds none of them, and
    would save an empty adapter without a word.
    """
    from peft import get_peft_model, set_peft_model_state_dict

    if reference:
        network = model.load_trained(args, reference)
    else:
        network = get_peft_model(model.load_base(args.base, args), training.lora_config(args))
    mine = {name: value for name, value in state.items() if "lora_" in name and ".default." in name}
    own = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    if set(mine) != own:
        raise RuntimeError(f"{len(mine)} weights were gathered for the {len(own)} of the adapter")
    set_peft_model_state_dict(network, {name.replace(".default.", "."): value for name, value in mine.items()})
    if reference:
        network.load_adapter(str(reference), adapter_name="ref")
    return network
