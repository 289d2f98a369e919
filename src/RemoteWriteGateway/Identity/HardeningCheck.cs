using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace RemoteWriteGateway.Identity;

/// <summary>
/// Looks at the options of the bearer scheme as they came out of all configuration, ours and that of the packages: what would accept more
/// than we mean stops the start, also after an update of a package.
/// </summary>
internal sealed class HardeningCheck(EntraDirectory directory, MetadataSnapshots keys, EntraAuthentication authentication)
    : IValidateOptions<JwtBearerOptions>
{
    public ValidateOptionsResult Validate(string? name, JwtBearerOptions options)
    {
        var faults = new List<string>();
        TokenValidationParameters token = options.TokenValidationParameters;
        Must(options.ConfigurationManager == keys, "ConfigurationManager");
        Must(!options.MapInboundClaims && !options.IncludeErrorDetails && !options.SaveToken, "MapInboundClaims, IncludeErrorDetails, SaveToken");
        Must(!options.UseSecurityTokenValidators && options.TokenHandlers is [{ MaximumTokenSizeInBytes: IdentityRefusals.MaxTokenLength }], "TokenHandlers");
        Must(options.ForwardDefault is null && options.ForwardAuthenticate is null && options.ForwardDefaultSelector is null, "ForwardDefault");

        Must(token.ValidateIssuer && token.IssuerValidator == authentication.ValidateIssuer && token.IssuerValidatorUsingConfiguration is null, "IssuerValidator");
        Must(token.ValidIssuers.SequenceEqual(directory.Issuers) && token.ValidIssuer is null, "ValidIssuers");
        Must(token.ValidateAudience && token.AudienceValidator is null && token.ValidAudience is null, "ValidateAudience");
        Must(token.ValidAudiences.SequenceEqual(directory.Audiences) && !token.IgnoreTrailingSlashWhenValidatingAudience, "ValidAudiences");
        Must(token.ValidateLifetime && token.LifetimeValidator == authentication.IsLifetimeValid && token.RequireExpirationTime, "ValidateLifetime");
        Must(token.ValidAlgorithms.SequenceEqual([JoseHeader.Algorithm]) && token.AlgorithmValidator is null, "ValidAlgorithms");
        Must(token.ValidTypes.SequenceEqual(directory.TokenTypes) && token.TypeValidator is null, "ValidTypes");
        Must(token.RequireSignedTokens && !token.TryAllIssuerSigningKeys, "RequireSignedTokens, TryAllIssuerSigningKeys");
        Must(token.SignatureValidator is null && token.SignatureValidatorUsingConfiguration is null, "SignatureValidator");
        Must(token.TransformBeforeSignatureValidation is null, "TransformBeforeSignatureValidation");
        Must(token.IssuerSigningKey is null && token.IssuerSigningKeys is null && token.IssuerSigningKeyResolver is null, "IssuerSigningKey");
        Must(token.IssuerSigningKeyResolverUsingConfiguration is null && token.IssuerSigningKeyValidatorUsingConfiguration is not null, "IssuerSigningKeyValidator");
        Must(token.TokenDecryptionKey is null && token.TokenDecryptionKeys is null && token.TokenDecryptionKeyResolver is null, "TokenDecryptionKey");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Must(bool isAsMeant, string what)
        {
            if (!isAsMeant)
            {
                faults.Add($"The bearer scheme would not validate tokens as meant: {what} was changed by something other than section {EntraOptions.Section}");
            }
        }
    }
}
