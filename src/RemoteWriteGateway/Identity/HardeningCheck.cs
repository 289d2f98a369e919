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
        CheckScheme(options, Must);
        CheckToken(options.TokenValidationParameters, Must);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Must(string what, bool isAsMeant)
        {
            if (!isAsMeant)
            {
                faults.Add($"The bearer scheme would not validate tokens as meant: {what} was changed by something other than section "
                    + EntraOptions.Section);
            }
        }
    }

    private void CheckScheme(JwtBearerOptions options, Action<string, bool> must)
    {
        must("ConfigurationManager", options.ConfigurationManager == keys);
        must("MapInboundClaims", !options.MapInboundClaims);
        must("IncludeErrorDetails", !options.IncludeErrorDetails);
        must("SaveToken", !options.SaveToken);
        must("UseSecurityTokenValidators", !options.UseSecurityTokenValidators);
        must("TokenHandlers", options.TokenHandlers is [{ MaximumTokenSizeInBytes: IdentityRefusals.MaxTokenLength }]);
        must("ForwardDefault", options.ForwardDefault is null && options.ForwardDefaultSelector is null && options.ForwardAuthenticate is null);
    }

    private void CheckToken(TokenValidationParameters token, Action<string, bool> must)
    {
        must("ValidateIssuer", token.ValidateIssuer && token.ValidIssuer is null && token.ValidIssuers.SequenceEqual(directory.Issuers));
        must("IssuerValidator", token.IssuerValidator == authentication.ValidateIssuer && token.IssuerValidatorUsingConfiguration is null);
        must("ValidateAudience", token.ValidateAudience && token.AudienceValidator is null);
        must("ValidAudiences", token.ValidAudience is null && token.ValidAudiences.SequenceEqual(directory.Audiences));
        must("IgnoreTrailingSlashWhenValidatingAudience", !token.IgnoreTrailingSlashWhenValidatingAudience);
        must("ValidateLifetime", token.ValidateLifetime && token.LifetimeValidator == authentication.IsLifetimeValid);
        must("RequireExpirationTime", token.RequireExpirationTime);
        must("ValidAlgorithms", token.AlgorithmValidator is null && token.ValidAlgorithms.SequenceEqual([JoseHeader.Algorithm]));
        must("ValidTypes", token.TypeValidator is null && token.ValidTypes.SequenceEqual(directory.TokenTypes));
        must("RequireSignedTokens", token.RequireSignedTokens);
        must("TryAllIssuerSigningKeys", !token.TryAllIssuerSigningKeys);
        must("SignatureValidator", token.SignatureValidator is null && token.SignatureValidatorUsingConfiguration is null);
        must("TransformBeforeSignatureValidation", token.TransformBeforeSignatureValidation is null);
        must("IssuerSigningKey", token.IssuerSigningKey is null && token.IssuerSigningKeys is null);
        must("IssuerSigningKeyResolver", token.IssuerSigningKeyResolver is null && token.IssuerSigningKeyResolverUsingConfiguration is null);

        // Microsoft.Identity.Web's: a key may sign for the issuer that it is published for.
        must("IssuerSigningKeyValidator", token.IssuerSigningKeyValidatorUsingConfiguration is not null);
        must("TokenDecryptionKey", token.TokenDecryptionKey is null && token.TokenDecryptionKeys is null);
        must("TokenDecryptionKeyResolver", token.TokenDecryptionKeyResolver is null);
    }
}
