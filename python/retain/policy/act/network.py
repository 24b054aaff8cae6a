"""ACT's network: pictures, state and a latent to a chunk; and, in training, the chunk to its latent."""

from itertools import chain

import torch
from torch import Tensor, nn

from retain.policy.act.configuration import ACTConfig
from retain.policy.act.positions import cell_positions, sequence_positions
from retain.policy.act.resnet import ResNet
from retain.policy.act.transformer import Decoder, Encoder


class ACTNetwork(nn.Module):
    """The tensors below `model.` in LeRobot's files.

    Args:
        config: The sizes.
        state: Channels of the state, S.
        action: Channels of the action, A.
        horizon: Rows of a chunk, H.
    """

    vae_encoder_pos_enc: Tensor

    def __init__(self, config: ACTConfig, state: int, action: int, horizon: int) -> None:
        super().__init__()
        width = config.dim_model
        if config.use_vae:
            self.vae_encoder = Encoder(config, config.n_vae_encoder_layers)
            self.vae_encoder_cls_embed = nn.Embedding(1, width)
            self.vae_encoder_robot_state_input_proj = nn.Linear(state, width)
            self.vae_encoder_action_input_proj = nn.Linear(action, width)
            self.vae_encoder_latent_output_proj = nn.Linear(width, 2 * config.latent_dim)
            # A constant, but one that LeRobot saves.
            self.register_buffer("vae_encoder_pos_enc", sequence_positions(2 + horizon, width)[None])
        self.backbone = ResNet(config)
        self.encoder = Encoder(config, config.n_encoder_layers)
        self.decoder = Decoder(config)
        self.encoder_robot_state_input_proj = nn.Linear(state, width)
        self.encoder_latent_input_proj = nn.Linear(config.latent_dim, width)
        self.encoder_img_feat_input_proj = nn.Conv2d(self.backbone.channels, width, 1)
        self.encoder_1d_feature_pos_embed = nn.Embedding(2, width)
        self.decoder_pos_embed = nn.Embedding(horizon, width)
        self.action_head = nn.Linear(width, action)
        for parameter in chain(self.encoder.parameters(), self.decoder.parameters()):
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, images: list[Tensor], state: Tensor, latent: Tensor | None = None) -> Tensor:
        """Regress the chunk.

        Args:
            images: float32 (B, 3, H, W) per camera, normalized; sizes may differ between cameras.
            state: float32 (B, S), normalized.
            latent: float32 (B, latent_dim); None, outside of training, is LeRobot's latent of zeros.

        Returns:
            float32 (B, horizon, A), normalized.
        """
        project = self.encoder_latent_input_proj
        first = project.bias.expand(state.shape[0], -1) if latent is None else project(latent)
        tokens = [first[:, None], self.encoder_robot_state_input_proj(state)[:, None]]
        places = [self.encoder_1d_feature_pos_embed.weight]
        for image in images:
            cells = self.encoder_img_feat_input_proj(self.backbone(image))
            places.append(cell_positions(cells.shape[2], cells.shape[3], cells.shape[1], cells.device))
            tokens.append(cells.flatten(2).transpose(1, 2))
        positions = torch.cat(places)
        memory = self.encoder(torch.cat(tokens, 1), positions)
        rows = self.decoder_pos_embed.weight
        # The decoder starts from zeros; what a row stands for is in its position alone.
        nothing = torch.zeros(state.shape[0], *rows.shape, dtype=rows.dtype, device=rows.device)
        decoded = self.decoder(nothing, rows, memory, positions)
        chunk: Tensor = self.action_head(decoded)
        return chunk

    def encode_latent(self, state: Tensor, actions: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
        """The distribution of the latent given the chunk that is to be regressed (arXiv 1312.6114).

        Args:
            state: float32 (B, S), normalized.
            actions: float32 (B, horizon, A), normalized.
            padding: bool (B, horizon), True in rows beyond the episode's end.

        Returns:
            Mean and logarithm of the variance, float32 (B, latent_dim) each.
        """
        first = self.vae_encoder_cls_embed.weight.expand(state.shape[0], 1, -1)
        seen = self.vae_encoder_robot_state_input_proj(state)[:, None]
        tokens = torch.cat([first, seen, self.vae_encoder_action_input_proj(actions)], 1)
        if padding is not None:
            padding = torch.cat([torch.zeros_like(padding[:, :1]).expand(-1, 2), padding], 1)
        encoded = self.vae_encoder(tokens, self.vae_encoder_pos_enc[0], padding)[:, 0]
        mean, log_variance = self.vae_encoder_latent_output_proj(encoded).chunk(2, -1)
        return mean, log_variance
